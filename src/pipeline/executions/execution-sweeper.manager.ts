import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { OperationQueue } from '../operations/operation-queue';

/** How many are dealt with per run. */
const BATCH = 200;

/**
 * Closes what nobody runs any more: executions whose process died are recorded as `unknown`, and operations
 * that were handed over, but that Redis or their runner lost, are put into the queue again.
 */
@ControlLoop()
export class ExecutionSweeper implements Manager {
  readonly name = 'execution-sweeper';
  readonly intervalMs = 2_000;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(OperationQueue) private readonly queue: OperationQueue,
  ) {}

  async run({ signal }: ManagerRun): Promise<ManagerReport> {
    const closed = await this.closeAbandoned();
    if (signal.aborted) return { items: closed };
    return { items: closed + (await this.requeueOperations(signal)) };
  }

  /** Only what was never handed over: that includes operations whose api died before it could. */
  private closeAbandoned(): Promise<number> {
    return this.db.execute(
      `WITH abandoned AS (
         UPDATE executions SET status = 'unknown', fence = fence + 1, finished_at = now()
          WHERE id IN (SELECT id FROM executions
                        WHERE status = 'running' AND progress IS NULL AND lease_until < now()
                        ORDER BY lease_until LIMIT $1 FOR UPDATE SKIP LOCKED)
         RETURNING id, kind, actor_id, action, trace_id
       )
       INSERT INTO audit_entries (phase, kind, outcome, execution_id, actor_id, action, trace_id)
       SELECT 'outcome', kind, 'unknown', id, actor_id, action, trace_id FROM abandoned`,
      [BATCH],
    );
  }

  private async requeueOperations(signal: AbortSignal): Promise<number> {
    const rows = await this.db.query<{ id: string; fence: number }>(
      `SELECT id, fence FROM executions
        WHERE status = 'running' AND progress IS NOT NULL AND lease_until < now() - interval '1 second'
        ORDER BY lease_until LIMIT $1`,
      [BATCH],
    );
    for (const { id, fence } of rows) {
      if (signal.aborted) break;
      await this.queue.add(id, fence);
    }
    return rows.length;
  }
}
