import { Injectable } from '@nestjs/common';
import { Db, type Tx } from '../../../platform/postgres/db';

/** Which queues are paused, as Postgres has it: the truth that Bull is made to follow. */
@Injectable()
export class QueueState {
  constructor(private readonly db: Db) {}

  /** Records the wish; true if it was not so before. A queue that nobody spoke of is not paused. */
  async set(queue: string, paused: boolean, tx: Tx = this.db): Promise<boolean> {
    const changed = paused
      ? await tx.execute(
          `INSERT INTO queues (name, paused) VALUES ($1, true)
           ON CONFLICT (name) DO UPDATE SET paused = true, updated_at = now() WHERE NOT queues.paused`,
          [queue],
        )
      : await tx.execute('UPDATE queues SET paused = false, updated_at = now() WHERE name = $1 AND paused', [
          queue,
        ]);
    return changed > 0;
  }

  /** The names of the paused queues. */
  async paused(): Promise<Set<string>> {
    const rows = await this.db.query<{ name: string }>('SELECT name FROM queues WHERE paused');
    return new Set(rows.map((row) => row.name));
  }
}
