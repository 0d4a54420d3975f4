import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../../src/platform/postgres/data-source';
import { createTestDatabase, type TestDatabase } from '../support/database';

describe('the schema', () => {
  let database: TestDatabase;
  let app: Client;

  beforeAll(async () => {
    database = await createTestDatabase();
    app = new Client({ connectionString: database.url });
    await app.connect();
  });

  afterAll(async () => {
    await app.end();
    await database.drop();
  });

  it('does not let the application change the schema', async () => {
    await expect(app.query('CREATE TABLE sneaky (id int)')).rejects.toThrow('permission denied');
  });

  it('takes an idempotency key once per actor', async () => {
    const [actor, other] = [uuidv7(), uuidv7()];
    for (const id of [actor, other])
      await app.query("INSERT INTO users (id, email, password_hash, role) VALUES ($1, $2, 'x', 'operator')", [
        id,
        `${id}@example.test`,
      ]);
    const claim = (actorId: string): Promise<unknown> =>
      app.query(
        `INSERT INTO executions (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, lease_until, trace_id)
         VALUES ($1, 'job.cancel', 'act', $2, 'running', 'key-1', '\\x00', '{}', now(), 'trace')`,
        [uuidv7(), actorId],
      );
    await claim(actor);
    await expect(claim(actor)).rejects.toThrow('executions_key');
    await claim(other);
  });

  it('can be migrated down to nothing and up again', async () => {
    const own = await createTestDatabase();
    const source = await new DataSource(dataSourceOptions(own.ownerUrl, 2)).initialize();
    try {
      while ((await source.query<unknown[]>('SELECT 1 FROM migrations')).length > 0)
        await source.undoLastMigration();
      const left = await source.query<{ name: string }[]>(
        `SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
         UNION SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`,
      );
      expect(left.map((row) => row.name)).toEqual(['migrations']);
      await source.runMigrations();
    } finally {
      await source.destroy();
    }
    await own.query('SELECT 1 FROM audit_entries');
    await own.drop();
  });
});
