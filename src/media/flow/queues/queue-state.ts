import { Injectable } from '@nestjs/common';
import { Batcher } from '../../../platform/batching/batcher';
import { Db, type Tx } from '../../../platform/postgres/db';
import { prepared } from '../../../platform/postgres/statement';

const PAUSE = prepared(`
INSERT INTO queues (name, paused) VALUES ($1, true)
ON CONFLICT (name) DO UPDATE SET paused = true, updated_at = now() WHERE NOT queues.paused`);

const RESUME = prepared('UPDATE queues SET paused = false, updated_at = now() WHERE name = $1 AND paused');

const PAUSED = prepared('SELECT name FROM queues WHERE paused');

/** Which queues are paused, as Postgres has it: the truth that Bull is made to follow. */
@Injectable()
export class QueueState {
  private readonly reads = new Batcher<void, ReadonlySet<string>>((asked) => this.readFor(asked.length), {
    size: Number.POSITIVE_INFINITY,
  });

  constructor(private readonly db: Db) {}

  /** Records the wish; true if it was not so before. A queue that nobody spoke of is not paused. */
  async set(queue: string, paused: boolean, tx: Tx = this.db): Promise<boolean> {
    const changed = await tx.execute(paused ? PAUSE : RESUME, [queue]);
    return changed > 0;
  }

  /** The names of the paused queues. All who ask at the same time get one answer, read after they asked. */
  paused(): Promise<ReadonlySet<string>> {
    return this.reads.push();
  }

  private async readFor(count: number): Promise<ReadonlySet<string>[]> {
    const rows = await this.db.query<{ name: string }>(PAUSED);
    const names = new Set(rows.map((row) => row.name));
    return Array.from({ length: count }, () => names);
  }
}
