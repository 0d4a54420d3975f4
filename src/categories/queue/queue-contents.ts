import { Inject, Injectable } from '@nestjs/common';
import { QueueAdmin } from '../../media/flow/queues/queue-admin.service';
import { WAITING_STATE_SQL } from '../../media/jobs/bulk';
import type { FrozenItem } from '../../pipeline/preview/preview';
import { AppError } from '../../platform/errors/app-error';
import { Db } from '../../platform/postgres/db';

/** How what is in a queue now differs from what a preview showed. */
export interface Drift {
  /** Still as they were: these may be acted on. */
  readonly unchanged: readonly string[];
  /** In the queue since. */
  readonly added: number;
  /** Out of it since. */
  readonly gone: number;
  /** In it, but not as they were. */
  readonly changed: number;
}

/** What waits in a queue, as Postgres has it. */
@Injectable()
export class QueueContents {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(QueueAdmin) private readonly queues: QueueAdmin,
  ) {}

  /**
   * The jobs with a step that waits for this queue; the state is that step's try.
   *
   * @throws AppError QUEUE_NOT_FOUND
   */
  async waiting(queue: string): Promise<FrozenItem[]> {
    if (!this.queues.exists(queue)) throw new AppError('QUEUE_NOT_FOUND');
    return this.db.query<{ id: string; state: string }>(
      `SELECT s.job_id AS id, ${WAITING_STATE_SQL} AS state
         FROM steps s JOIN jobs j ON j.id = s.job_id
        WHERE s.agent = $1 AND s.status = 'queued' ORDER BY s.job_id`,
      [queue],
    );
  }
}

/** Compares a frozen selection with what there is now. */
export function driftOf(frozen: readonly FrozenItem[], now: readonly FrozenItem[]): Drift {
  const current = new Map(now.map((item) => [item.id, item.state]));
  const known = new Set(frozen.map((item) => item.id));
  const unchanged = frozen.filter((item) => current.get(item.id) === item.state).map((item) => item.id);
  const gone = frozen.filter((item) => !current.has(item.id)).length;
  return {
    unchanged,
    gone,
    changed: frozen.length - unchanged.length - gone,
    added: now.filter((item) => !known.has(item.id)).length,
  };
}
