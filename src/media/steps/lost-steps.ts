import { Injectable, Logger } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { BlobStore } from '../../platform/storage/blob-store';
import { JobAdvance } from '../flow/advance-job';
import { FlowChanges } from '../flow/flow-changes';
import { FlowEvents } from '../flow/flow-events';
import { HEARTBEAT_MS } from './step-claims';
import { attemptPrefix } from './step-files';
import { StepSettlement } from './step-settlement';
import { lockJob } from './step';
import { reasonOf } from '../../platform/errors/unavailable';

/** Things dealt with in one round. */
const BATCH = 100;
/** Unfinished jobs that one round looks through for such as nobody advances: there may be a million of them. */
const LOOKED_AT = 5_000;
/** Before the first job of all. */
const FIRST = '00000000-0000-0000-0000-000000000000';
/** After a break of this length nobody may have been able to give a sign of life, in milliseconds. */
const BREAK_MS = 3_000;
/** How long everybody then gets to give one, in milliseconds. */
const QUIET_MS = 2 * HEARTBEAT_MS;

/** Of the next so many unfinished jobs those that are stuck, and how far that went. */
const STUCK = `
WITH looked AS MATERIALIZED (
  SELECT id, updated_at, cancel_requested_at FROM jobs
  WHERE status IN ('queued', 'processing') AND id > $1 ORDER BY id LIMIT ${LOOKED_AT})
SELECT (SELECT id FROM looked ORDER BY id OFFSET ${LOOKED_AT - 1}) AS last, ARRAY (
  SELECT j.id FROM looked j
  WHERE j.updated_at < now() - interval '5 seconds' AND NOT EXISTS (SELECT FROM steps s WHERE s.job_id = j.id AND (
    s.status = 'processing' OR (s.status = 'queued' AND j.cancel_requested_at IS NULL)))
  ORDER BY j.id LIMIT ${BATCH}) AS stuck`;

interface LostStep {
  id: string;
  job_id: string;
  agent: string;
  attempt: number;
  worker_id: string | null;
}

/** Gives steps whose worker is silent to others, and ends jobs that were left without anybody to end them. */
@Injectable()
export class LostSteps {
  private readonly log = new Logger(LostSteps.name);
  /** When Postgres last answered here, and before when nothing counts as lost; by performance.now(). */
  private answeredAt = Number.NEGATIVE_INFINITY;
  private quietUntil = 0;
  private healedUpTo = FIRST;

  constructor(
    private readonly db: Db,
    private readonly blobs: BlobStore,
    private readonly settlement: StepSettlement,
    private readonly advance: JobAdvance,
    private readonly events: FlowEvents,
  ) {}

  /** Recovers the steps whose lease ran out; their number. */
  async recover(): Promise<number> {
    const lost = await this.db.query<LostStep>(
      `SELECT id, job_id, agent, attempt, worker_id FROM steps
       WHERE status = 'processing' AND lease_until < now() ORDER BY lease_until LIMIT $1`,
      [BATCH],
    );
    // After a time without Postgres the leases of the living have run out too: they get the time to renew them.
    const now = performance.now();
    if (now - this.answeredAt > BREAK_MS) this.quietUntil = now + QUIET_MS;
    this.answeredAt = now;
    if (now < this.quietUntil) return 0;
    let recovered = 0;
    for (const step of lost) {
      const of = { jobId: step.job_id, stepId: step.id, attempt: step.attempt };
      const verdict = await this.settlement.lost(of, step.worker_id);
      if (verdict === 'fenced') continue;
      recovered += 1;
      this.log.warn(`Step ${step.agent} of job ${step.job_id} was taken from lost worker ${step.worker_id}`);
      await this.removeFiles(step);
    }
    return recovered;
  }

  /**
   * Advances unfinished jobs of which nothing waits or runs, or that wait to be cancelled; their number. Goes round over
   * all that are unfinished, some each time.
   */
  async healJobs(): Promise<number> {
    const [row] = await this.db.query<{ last: string | null; stuck: string[] }>(STUCK, [this.healedUpTo]);
    const { last = null, stuck = [] } = row ?? {};
    this.healedUpTo = (stuck.length === BATCH ? stuck.at(-1) : last) ?? FIRST;
    for (const id of stuck) {
      const changes = new FlowChanges();
      await this.db.transaction(async (tx) => {
        const job = await lockJob(tx, id);
        if (job) await this.advance.advance(tx, job, changes);
      });
      await this.events.committed(changes);
    }
    return stuck.length;
  }

  /** The lost worker may still write, if it was only slow; it removes that itself when it learns of its loss. */
  private async removeFiles(step: LostStep): Promise<void> {
    try {
      await this.blobs.deletePrefix(
        attemptPrefix({ jobId: step.job_id, agent: step.agent, attempt: step.attempt }),
      );
    } catch (error) {
      // The next attempt that completes removes what earlier ones left.
      this.log.warn(`Files of a lost attempt stay for now: ${reasonOf(error)}`);
    }
  }
}
