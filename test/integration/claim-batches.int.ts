import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { PersonalFields } from '../../src/pipeline/audit/subjects/personal-fields';
import { ClaimWriter } from '../../src/pipeline/executions/claim-writer';
import type { Intent } from '../../src/pipeline/executions/execution';
import { Db } from '../../src/platform/postgres/db';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';
import { makeUser } from '../support/users';

const COUNT = 20;

let app: TestApp;
let userId: string;

beforeAll(async () => {
  app = await bootModules([]);
  userId = (await makeUser(app.database, 'operator')).id;
});
afterAll(() => app?.close());

/** Entries as they are: this is about batches. */
const personal = { seal: <T>(entry: T): T => entry } as PersonalFields;
const writer = () => new ClaimWriter(app.get(Db), personal);

function intent(changes: Partial<Intent> = {}): Intent {
  return {
    executionId: uuidv7(),
    action: 'queue.resume',
    kind: 'act',
    actor: { userId, email: 'operator@example.com', role: 'operator', sessionId: uuidv7() },
    idempotencyKey: uuidv7(),
    fingerprint: Buffer.alloc(32),
    payload: { queue: 'inspector' },
    scrubbed: { queue: 'inspector' },
    reason: null,
    detail: null,
    origin: { traceId: uuidv7(), ip: null, userAgent: null },
    leaseS: 30,
    ...changes,
  };
}
const intents = () => Array.from({ length: COUNT }, () => intent());

/** How many executions and audit intents there are of these. */
async function written(of: readonly Intent[]): Promise<{ executions: number; entries: number } | undefined> {
  const [row] = await app.database.query<{ executions: number; entries: number }>(
    `SELECT (SELECT count(*) FROM executions WHERE id = ANY ($1)) AS executions,
            (SELECT count(*) FROM audit_entries WHERE execution_id = ANY ($1)) AS entries`,
    [of.map(({ executionId }) => executionId)],
  );
  return row;
}

describe('claims that are committed together', () => {
  it('do not fail because of one that Postgres does not take', async () => {
    const good = intents();
    // What no request can contain, because it is refused long before.
    const poison = intent({ payload: { queue: 'nul \0' } });
    const claims = writer();
    const results = await Promise.allSettled(
      [...good.slice(0, 7), poison, ...good.slice(7)].map((one) => claims.claim(one)),
    );
    expect(results.flatMap(({ status }, i) => (status === 'rejected' ? [i] : []))).toEqual([7]);
    expect(await written(good)).toEqual({ executions: COUNT, entries: COUNT });
    expect(await written([poison])).toEqual({ executions: 0, entries: 0 });
  });

  it('are each there once if their connection is lost in the middle of it', async () => {
    const owner = new Client({ connectionString: app.database.ownerUrl });
    await owner.connect();
    try {
      await owner.query('BEGIN; LOCK TABLE audit_entries IN ACCESS EXCLUSIVE MODE');
      const all = intents();
      const claims = writer();
      const claimed = Promise.all(all.map((one) => claims.claim(one)));
      // The executions are inserted, the intents are not.
      await eventually(async () =>
        expect(
          await app.database.query(
            `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE '%INSERT INTO executions%'`,
          ),
        ).toHaveLength(1),
      );
      await owner.query('ROLLBACK');
      expect((await claimed).map((claim) => claim?.executionId)).toEqual(all.map((one) => one.executionId));
      expect(await written(all)).toEqual({ executions: COUNT, entries: COUNT });
    } finally {
      await owner.end();
    }
  });

  it('of one key are one, of two hundred that come at the same time to two writers', async () => {
    const idempotencyKey = uuidv7();
    const all = Array.from({ length: 200 }, () => intent({ idempotencyKey }));
    const [first, second] = [writer(), writer()];
    const claimed = await Promise.all(all.map((one, i) => (i % 2 === 0 ? first : second).claim(one)));
    expect(claimed.filter((claim) => claim !== undefined)).toHaveLength(1);
    expect(await written(all)).toEqual({ executions: 1, entries: 1 });
  });
});
