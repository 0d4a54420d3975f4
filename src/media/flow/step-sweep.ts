import { Injectable, Logger } from '@nestjs/common';
import { Db } from '../../platform/postgres/db';
import { RedisService } from '../../platform/redis/redis.service';
import { StepDispatch } from './step-dispatch';
import { HELD } from './queues/queue-state';
import { SWEPT, SWEPT_WHOLE } from './queues/swept-mark';
import { StepEntries } from './queues/step-entries';
import { StepQueues } from './queues/step-queues';
import type { MovedStep } from './transitions';

/** Waiting steps that are compared with Redis per statement. */
const BATCH = 500;
/** Batches per run, unless Redis lost everything. */
const BATCHES_PER_RUN = 4;

interface WaitingStep extends MovedStep {
  /** With microseconds, which a Date would cut off. */
  queued: string;
}

type Cursor = [agent: string, priority: number, queued: string, id: string];
const START: Cursor = ['', 0, '-infinity', '00000000-0000-0000-0000-000000000000'];

/**
 * Compares what waits in Postgres with what waits in Redis, adds again what is missing there and puts in its place what
 * waits with another priority. Goes round over all waiting steps that no drain holds back, some each run; when Redis
 * turns out to be empty, or a drain was ended, over all of them at once.
 */
@Injectable()
export class StepSweep {
  private readonly log = new Logger(StepSweep.name);
  private cursor: Cursor = START;

  constructor(
    private readonly db: Db,
    private readonly redis: RedisService,
    private readonly queues: StepQueues,
    private readonly entries: StepEntries,
    private readonly dispatch: StepDispatch,
  ) {}

  /** One run; the number of steps that were added again. */
  async run(signal: AbortSignal): Promise<number> {
    const wasEmpty = await this.begin();
    if (wasEmpty) this.cursor = START;
    let added = 0;
    for (let batch = 0; wasEmpty || batch < BATCHES_PER_RUN; batch += 1) {
      if (signal.aborted) break;
      const steps = await this.next();
      const { missing, misplaced } = await this.entries.compare(steps);
      await this.dispatch.enqueue(missing);
      await this.entries.reprioritise(misplaced, { due: true });
      added += missing.length;
      if (steps.length < BATCH) {
        if (wasEmpty) await this.end();
        break;
      }
    }
    if (added > 0) this.log.log(`${added} waiting steps were added to their queues again`);
    return added;
  }

  private async next(): Promise<WaitingStep[]> {
    const steps = await this.db.query<WaitingStep>(
      `SELECT id, job_id, agent, status, attempt, priority, progress, not_before, queued_at::text AS queued FROM steps
       WHERE status = 'queued' AND not_before <= now() AND NOT ${HELD}
         AND agent = ANY($6) AND (agent, priority, queued_at, id) > ($1, $2::smallint, $3::timestamptz, $4::uuid)
       ORDER BY agent, priority, queued_at, id LIMIT $5`,
      [...this.cursor, BATCH, this.queues.names],
    );
    const last = steps.length === BATCH ? steps.at(-1) : undefined;
    this.cursor = last ? [last.agent, last.priority, last.queued, last.id] : START;
    return steps;
  }

  /** Whether Redis has lost its data, or has much to catch up with: all is to be compared, and nobody has come to the end. */
  private async begin(): Promise<boolean> {
    const key = this.redis.key(...SWEPT);
    if ((await this.redis.client.get(key)) === SWEPT_WHOLE) return false;
    await this.redis.client.set(key, 'begun');
    return true;
  }

  /** Not if the mark is gone by now: what it was taken away for may lie before what was looked at since. */
  private async end(): Promise<void> {
    await this.redis.client.set(this.redis.key(...SWEPT), SWEPT_WHOLE, 'XX');
  }
}
