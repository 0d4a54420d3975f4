import { v7 as uuidv7 } from 'uuid';
import { Client } from 'pg';
import { ExecutionRetention } from '../../src/pipeline/executions/execution-retention.manager';
import { UploadRetention } from '../../src/media/uploads/upload-retention.manager';
import { UploadStore } from '../../src/media/uploads/upload-store';
import { UploadsModule } from '../../src/media/uploads/uploads.module';
import { OperationsModule } from '../../src/pipeline/operations/operations.module';
import { Db } from '../../src/platform/postgres/db';
import { firstIdOf } from '../../src/platform/postgres/uuid-time';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { SessionKeepingModule } from '../../src/user-api/auth/session-keeping.module';
import { SessionRetention } from '../../src/user-api/auth/session-retention.manager';
import { bootModules, type TestApp } from '../support/app';
import { costlyParts, type Plan } from '../support/plans';
import { makeUser } from '../support/users';

const DAY_MS = 86_400_000;
const signal = new AbortController().signal;
const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);

describe('the retention of executions', () => {
  it('removes what has ended and is too old, along the primary key, and passes over what is in use', async () => {
    const app = await bootModules([OperationsModule]);
    try {
      const actor = uuidv7();
      await app.database.query(
        `INSERT INTO users (id, email, password_hash, role) VALUES ($1, 'a@example.test', 'x', 'admin')`,
        [actor],
      );
      const insert = (days: number, count: number, status = 'succeeded'): Promise<unknown> =>
        app.database.query(
          `INSERT INTO executions (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, lease_until,
                                   trace_id, response_status, response_body, created_at, finished_at)
           SELECT overlay($2::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, 'job.cancel', 'act', $1, $3, $2 || n, '\\x00',
                  '{}', now(), 't', 200, '{}', $4, CASE WHEN $3 <> 'running' THEN $4::timestamptz END
             FROM generate_series(1, $5::int) n`,
          [actor, firstIdOf(daysAgo(days)), status, daysAgo(days), count],
        );
      await insert(40, 1_203);
      await insert(31, 2, 'unknown');
      await insert(35, 1, 'running');
      await insert(29, 3);
      const locked = new Client({ connectionString: app.database.url });
      await locked.connect();
      await locked.query('BEGIN');
      await locked.query('SELECT FROM executions ORDER BY id LIMIT 1 FOR UPDATE');
      const retention = app.get(ExecutionRetention);
      expect(await retention.run({ signal })).toEqual({ items: 1_204 });
      await locked.query('COMMIT');
      await locked.end();
      expect(await retention.run({ signal })).toEqual({ items: 1 });
      const left = await app.database.query<{ status: string; n: number }>(
        'SELECT status, count(*)::int AS n FROM executions GROUP BY status ORDER BY status',
      );
      expect(left).toEqual([
        { status: 'running', n: 1 },
        { status: 'succeeded', n: 3 },
      ]);
      await app.get(RuntimeSettings).update({ executions: { keep_days: 1 } }, { authorId: null });
      expect(await retention.run({ signal })).toEqual({ items: 3 });
    } finally {
      await app.close();
    }
  });
});

describe('the retention of sessions', () => {
  it('removes what ended so long ago, whichever way, with its tokens, and nothing that can be used', async () => {
    const app = await bootModules([SessionKeepingModule]);
    try {
      const { id: user } = await makeUser(app.database);
      /** Days from now, negative if they are past: of its beginning, its end, its newest token's end, its revocation. */
      const session = async (begun: number, end: number, idle: number, revoked?: number): Promise<string> => {
        const id = firstIdOf(daysAgo(-begun)).replace(/0{12}$/, uuidv7().slice(-12));
        await app.database.query(
          'INSERT INTO sessions (id, user_id, expires_at, ip, revoked_at) VALUES ($1, $2, $3, $4, $5)',
          [id, user, daysAgo(-end), '203.0.113.9', revoked === undefined ? null : daysAgo(-revoked)],
        );
        const tokens = [uuidv7(), uuidv7()];
        for (const [index, token] of tokens.entries())
          await app.database.query(
            'INSERT INTO refresh_tokens (id, session_id, token_hash, parent_id, expires_at) VALUES ($1, $2, $3, $4, $5)',
            [token, id, Buffer.from(token), tokens[index - 1] ?? null, daysAgo(index === 0 ? 80 : -idle)],
          );
        return id;
      };
      await session(-90, -60, 1);
      await session(-90, 5, -31);
      await session(-90, 5, 1, -31);
      const kept = [
        await session(-90, 5, 1),
        await session(-90, -29, -29),
        await session(-90, 5, -29),
        await session(-90, 5, 1, -29),
        await session(-1, 5, 1, -1),
      ];
      const retention = app.get(SessionRetention);
      expect(await retention.run({ signal })).toEqual({ items: 3 });
      const left = await app.database.query<{ id: string; tokens: number }>(
        `SELECT id, (SELECT count(*) FROM refresh_tokens WHERE session_id = s.id) AS tokens FROM sessions s`,
      );
      expect(new Map(left.map(({ id, tokens }) => [id, tokens]))).toEqual(new Map(kept.map((id) => [id, 2])));
      expect(await app.database.query('SELECT count(*) AS n FROM refresh_tokens')).toEqual([{ n: 10 }]);
      await app.get(RuntimeSettings).update({ auth: { keep_sessions_days: 28 } }, { authorId: null });
      expect(await retention.run({ signal })).toEqual({ items: 3 });
    } finally {
      await app.close();
    }
  });
});

describe('the retention of uploads', () => {
  let app: TestApp;
  let user: string;
  const ids = async (): Promise<string[]> =>
    (await app.database.query<{ id: string }>('SELECT id FROM uploads ORDER BY id')).map(({ id }) => id);
  /** Uploads that began and ended so many days ago. */
  const uploads = (days: number, count: number, change: object = {}): Promise<{ id: string }[]> => {
    const row = { status: 'expired', storage_key: null, ended: days, ...change };
    return app.database.query(
      `INSERT INTO uploads (id, user_id, filename, size_bytes, chunk_size, chunk_count, status, storage_key, expires_at,
                            created_at, updated_at, finalized_at)
       SELECT overlay($1::text PLACING lpad(to_hex(n), 12, '0') FROM 25)::uuid, $2, 'a.mp4', 10, 65536, 1, $3, $4,
              $5, $5, $6, CASE WHEN $3 = 'finalized' THEN $5::timestamptz END
         FROM generate_series(1, $7::int) n RETURNING id`,
      [firstIdOf(daysAgo(days)), user, row.status, row.storage_key, daysAgo(days), daysAgo(row.ended), count],
    );
  };
  const job = (column: string, upload?: { id: string }): Promise<unknown> =>
    app.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, ${column})
       VALUES ($1, $2, 'job', 'completed', 1, $3)`,
      [uuidv7(), user, upload?.id],
    );
  const holdings = () =>
    app.get(Db).transaction((tx) => app.get<UploadStore>(UploadStore).holdings(tx, user));

  beforeEach(async () => {
    app = await bootModules([UploadsModule]);
    user = (await makeUser(app.database)).id;
  });
  afterEach(() => app?.close());

  it('removes what expired so long ago, and nothing that still counts for anything', async () => {
    await uploads(40, 1_203);
    const kept = [
      ...(await uploads(45, 1, { status: 'finalized', storage_key: 'uploads/a/source' })),
      // It expired only now, or its file is still to be removed.
      ...(await uploads(50, 1, { ended: 29 })),
      ...(await uploads(55, 1, { storage_key: 'uploads/b/source' })),
      ...(await uploads(60, 1, { status: 'open' })),
      ...(await uploads(29, 2)),
      // There should be no job of one that has expired; if there is, it is not torn apart.
      ...(await uploads(65, 1)),
      ...(await uploads(70, 1)),
    ].sort((a, b) => (a.id < b.id ? -1 : 1));
    await job(
      'upload_id',
      kept.find(({ id }) => id.startsWith(firstIdOf(daysAgo(65)).slice(0, 8))),
    );
    await job(
      'captions_upload_id',
      kept.find(({ id }) => id.startsWith(firstIdOf(daysAgo(70)).slice(0, 8))),
    );
    const held = await holdings();
    const retention = app.get<UploadRetention>(UploadRetention);
    expect(await retention.run({ signal })).toEqual({ items: 1_203 });
    expect(await ids()).toEqual(kept.map(({ id }) => id));
    expect(await holdings()).toEqual(held);
    await app.get(RuntimeSettings).update({ uploads: { keep_days: 28 } }, { authorId: null });
    expect(await retention.run({ signal })).toEqual({ items: 3 });
  });

  it('leaves no gap in a list that is read meanwhile', async () => {
    const store = app.get<UploadStore>(UploadStore);
    await uploads(40, 30);
    const newer = await uploads(3, 5);
    const older = await uploads(60, 3, { status: 'finalized', storage_key: 'uploads/a/source' });
    const first = await store.list({ userId: user, offset: 0, limit: 10 });
    await app.get<UploadRetention>(UploadRetention).run({ signal });
    // After one that has just been removed.
    const next = await store.list({ userId: user, after: first.at(-1)?.id, offset: 0, limit: 10 });
    expect([...first.slice(0, 5), ...next].map(({ id }) => id)).toEqual(
      [...newer, ...older]
        .map(({ id }) => id)
        .sort()
        .reverse(),
    );
  });

  it('does not look through the uploads of jobs for it', async () => {
    await uploads(40, 20_000, { status: 'finalized', storage_key: 'uploads/a/source' });
    await uploads(41, 700);
    await app.database.query('ANALYZE uploads');
    const execute = jest.spyOn(app.get(Db), 'execute');
    await app.get<UploadRetention>(UploadRetention).run({ signal });
    const [sql, params = []] = execute.mock.calls.at(-1) ?? [''];
    expect(sql).toContain('DELETE FROM uploads');
    await uploads(41, 700);
    const [row] = await app
      .get(Db)
      .query<{ 'QUERY PLAN': [{ Plan: Plan }] }>(
        `EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${sql as string}`,
        params,
      );
    expect(row && costlyParts(row['QUERY PLAN'][0].Plan, ['uploads', 'jobs'])).toEqual([]);
  });
});
