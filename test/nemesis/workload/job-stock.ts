import { v7 as uuidv7 } from 'uuid';
import type { Query } from '../arena/patiently';

/** How many jobs are made at a time. */
const BATCH = 100;

/** A job of one step, after another that is done: it has failed, or waits in the queue of that step. */
export interface JobShape {
  status: 'failed' | 'queued';
  agent: string;
}

/** Made twice, since Postgres may have taken it although it did not say so, it is there once. */
const MAKE = `
WITH made AS (
  INSERT INTO jobs (id, user_id, title, status, graph_version, finished_at)
  SELECT id, $2, 'For the nemesis', $3, 1, CASE WHEN $3 = 'failed' THEN now() END FROM unnest($1::uuid[]) AS id
  ON CONFLICT DO NOTHING
  RETURNING id
)
INSERT INTO steps (id, job_id, agent, position, status, queued_at, finished_at)
SELECT gen_random_uuid(), id, $4, 0, $3,
       CASE WHEN $3 = 'queued' THEN now() END, CASE WHEN $3 = 'failed' THEN now() END
  FROM made`;

/** Makes jobs for the orders to act on, each for one order. */
export class JobStock {
  /** All that were made. */
  readonly made: string[] = [];
  private readonly shelves = new Map<string, Promise<string[]>>();

  constructor(
    private readonly query: Query,
    private readonly userId: string,
  ) {}

  /** A job that nobody else gets. */
  async take(shape: JobShape): Promise<string> {
    const name = `${shape.status} ${shape.agent}`;
    const shelf = (this.shelves.get(name) ?? Promise.resolve([])).then(async (ids) =>
      ids.length > 0 ? ids : this.make(shape, BATCH),
    );
    this.shelves.set(name, shelf);
    const id = (await shelf).pop();
    return id ?? this.take(shape);
  }

  /** New jobs, made for the caller. */
  async make(shape: JobShape, count: number): Promise<string[]> {
    const ids = Array.from({ length: count }, () => uuidv7());
    await this.query(MAKE, [ids, this.userId, shape.status, shape.agent]);
    this.made.push(...ids);
    return ids;
  }
}
