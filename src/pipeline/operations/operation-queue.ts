import { InjectQueue } from '@nestjs/bull';
import { Inject, Injectable, Logger } from '@nestjs/common';
import type { Queue } from 'bull';
import { Db } from '../../platform/postgres/db';
import { currentCarrier } from '../../platform/telemetry/spans';
import { successAnswer } from '../answers';
import { ClaimLost } from '../executions/lease-keeper';
import { Outcomes } from '../executions/outcomes';
import type { ActionAnswer, Run } from '../run';
import { reasonOf } from '../../platform/errors/unavailable';

/** The Bull queue of operations. */
export const OPERATIONS = 'operations';

/** Entries of one operation that may be lost with processes that took them, before Bull itself finds one. */
const MAX_LOST = 10;

/** What is in it: an id. What is to be done is in Postgres. */
export interface OperationJob {
  execution_id: string;
}

/** Hands operations over to the manager processes. */
@Injectable()
export class OperationQueue {
  private readonly log = new Logger(OperationQueue.name);

  constructor(
    @InjectQueue(OPERATIONS) private readonly queue: Queue<OperationJob>,
    @Inject(Db) private readonly db: Db,
    @Inject(Outcomes) private readonly outcomes: Outcomes,
  ) {}

  /** Marks the execution as ready to be run by a manager, and answers 202. */
  async handOver(run: Run): Promise<ActionAnswer> {
    if (!run.claim) throw new Error('An operation was handed over without a claim');
    const answer = successAnswer(run, 202, {
      execution_id: run.answeringId,
      status: 'running',
      status_url: `/api/admin/action/status?execution_id=${run.answeringId}`,
    });
    // Who waits for the end is answered with that, so there is no answer to keep yet.
    const stored = run.options.wait_ms > 0 ? null : answer;
    const held = await this.db.execute(
      `UPDATE executions
          SET progress = '{"done": 0}', lease_until = now(), fence = fence + 1, response_status = $3, response_body = $4,
              trace_context = $5
        WHERE id = $1 AND fence = $2 AND status = 'running'`,
      [
        run.claim.executionId,
        run.claim.fence,
        stored?.status ?? null,
        stored ? Buffer.from(stored.body) : null,
        currentCarrier(),
      ],
    );
    if (held !== 1) throw new ClaimLost();
    if (stored) run.settled = stored;
    await this.outcomes.announce(run, 'running');
    await this.add(run.answeringId, run.claim.fence + 1);
    return answer;
  }

  /**
   * Puts an execution into the queue; putting it there twice is harmless. If Redis is away, the sweeper
   * does it later: the execution in Postgres is what counts.
   */
  async add(executionId: string, fence: number): Promise<void> {
    try {
      const options = { removeOnComplete: true, removeOnFail: true };
      const jobId = await this.freeEntry(`${executionId}-${fence}`);
      await this.queue.add({ execution_id: executionId }, { ...options, jobId });
    } catch (error) {
      this.log.warn(`Operation ${executionId} could not be queued yet: ${reasonOf(error)}`);
    }
  }

  /**
   * An entry that nobody has taken. One that is taken although nobody runs the execution is held by a process
   * that died or froze, and gave it to nobody.
   */
  private async freeEntry(name: string): Promise<string> {
    for (let i = 0; i < MAX_LOST; i++) {
      const entry = await this.queue.getJob(`${name}-${i}`);
      if (!(await entry?.isActive())) return `${name}-${i}`;
    }
    return `${name}-${MAX_LOST}`;
  }
}
