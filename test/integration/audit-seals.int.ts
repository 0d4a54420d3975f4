import { generateKeyPairSync } from 'node:crypto';
import { readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { Client } from 'pg';
import {
  type AuditEntry,
  auditEntry,
  AUDIT_COLUMNS,
  AUDIT_RECORD,
} from '../../src/pipeline/audit/audit-entry';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { AuditNews } from '../../src/pipeline/audit/audit-news';
import { AuditSealer } from '../../src/pipeline/audit/audit-sealer.manager';
import { AuditSealingModule } from '../../src/pipeline/audit/audit-sealing.module';
import { type EntryStamp, leafHash, leafRow, RETURN_STAMP } from '../../src/pipeline/audit/leaf';
import type { Checkpoint } from '../../src/pipeline/audit/seals/checkpoint';
import { CheckpointFile } from '../../src/pipeline/audit/seals/checkpoint-file';
import { makeSeal } from '../../src/pipeline/audit/seals/seal';
import { SealTrail } from '../../src/pipeline/audit/seals/seal-trail';
import { entryPages, storeSeal } from '../../src/pipeline/audit/seals/stored';
import { SecurityEvents } from '../../src/pipeline/audit/security-events';
import { AuditVerifier } from '../../src/pipeline/audit/verify/audit-verifier';
import { PostgresSource } from '../../src/pipeline/audit/verify/postgres-source';
import type { Verification } from '../../src/pipeline/audit/verify/verification';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { NumberedFeed } from '../../src/platform/feed/numbered-feed';
import { Db } from '../../src/platform/postgres/db';
import { AuditKeys } from '../../src/platform/security/audit-keys';
import { bootModules, type TestApp } from '../support/app';
import { asSuperuser } from '../support/database';
import { eventually } from '../support/eventually';

const entry = (change: Partial<AuditEntry> = {}): AuditEntry =>
  auditEntry({ phase: 'denial', outcome: 'denied', action: 'job.cancel', ...change });

describe('the seals of the audit', () => {
  let app: TestApp;
  let sealer: AuditSealer;
  let file: CheckpointFile;
  const run = { fence: 1, signal: new AbortController().signal };
  const runOnce = (): Promise<unknown> => sealer.run(run);
  /** Runs the sealer until nothing is left: transactions of other tests on the same server may hold it up. */
  const seal = async (): Promise<void> => {
    for (let left = 1; left > 0;) {
      await runOnce();
      const [row] = await app.database.query<{ n: number }>(
        'SELECT count(*) AS n FROM audit_entries WHERE seq > (SELECT coalesce(max(to_seq), 0) FROM audit_seals)',
      );
      left = row?.n ?? 0;
    }
  };
  const write = (...entries: AuditEntry[]): Promise<void> => app.get(AuditLog).write(entries);
  const verify = async (): Promise<Verification> =>
    AuditVerifier.verify(
      new PostgresSource(app.get(Db)),
      await app.get(AuditKeys).verifying(),
      new CheckpointFile(app.env.auditCheckpointFile).all(),
    );
  const seals = () =>
    app.database.query<{ number: number; from_seq: number; to_seq: number; count: number; gaps: number[][] }>(
      'SELECT number, from_seq, to_seq, count, gaps FROM audit_seals ORDER BY number',
    );
  /** As another manager process has one. */
  const anotherSealer = (): AuditSealer =>
    new AuditSealer(
      app.get(Db),
      app.get(SealTrail),
      app.get(AuditKeys),
      app.get(SecurityEvents),
      new AuditNews(app.get(Db), app.get(NumberedFeed)),
    );

  beforeEach(async () => {
    app = await bootModules([AuditSealingModule]);
    sealer = app.get(AuditSealer);
    file = new CheckpointFile(app.env.auditCheckpointFile);
  });
  afterEach(() => app?.close());

  it('vouch for what is read back exactly as for what was inserted', async () => {
    const odd: unknown[] = [
      null,
      { n: 1e2, m: 1.5e-7, big: 1e21, min: 5e-324, max: Number.MAX_VALUE, zero: -0 },
      { z: [[{ b: null, a: '\u00e9\u{1f600}\u2028"\\' }]], '': {}, __proto__: null, 'a b': false },
      [],
      'text',
      17,
      ...fc.sample(fc.jsonValue({ noUnicodeString: false }), { numRuns: 200, seed: 7 }).map(storable),
    ];
    const entries = odd.map((payload) =>
      entry({ payload, detail: payload, reason: '\u0130 \u{1f600}', status: 403 }),
    );
    const stamps = await app.get(Db).query<EntryStamp>(
      `INSERT INTO audit_entries (${AUDIT_COLUMNS.join(', ')})
       SELECT ${AUDIT_COLUMNS.join(', ')} FROM jsonb_to_recordset($1::jsonb) AS entry (${AUDIT_RECORD})
       RETURNING ${RETURN_STAMP}`,
      [JSON.stringify(entries)],
    );
    const inserted = stamps.map((stamp, index) =>
      leafHash(leafRow(entries[index] ?? entry(), stamp)).toString('hex'),
    );
    const read: string[] = [];
    for await (const page of entryPages(app.get(Db)))
      read.push(...page.map((one) => leafHash(one).toString('hex')));
    expect(read).toHaveLength(odd.length);
    expect(read).toEqual(inserted);
  });

  it('chain what is new, with a witness outside, and leave nothing to do when nothing is new', async () => {
    await write(entry(), entry());
    await seal();
    await seal();
    await write(entry());
    await seal();
    expect(await seals()).toMatchObject([
      { number: 1, from_seq: 1, to_seq: 2, count: 2 },
      { number: 2, from_seq: 3, to_seq: 3, count: 1 },
    ]);
    expect((await file.latest())?.number).toBe(2);
    expect(await verify()).toMatchObject({
      intact: true,
      seals: 2,
      entries: 3,
      unsealed: 0,
      witnessed_seal: 2,
    });
    await write(entry());
    expect(await verify()).toMatchObject({ intact: true, entries: 3, unsealed: 1 });
  });

  it('are told of, each entry once and in order, whoever seals, and without what is personal', async () => {
    const feed = app.get(LiveFeed);
    const told = async () =>
      (await feed.read('audit', 0, 100)).events.map(
        ({ json }) => JSON.parse(json) as Record<string, unknown>,
      );
    await write(entry());
    await seal();
    // As who subscribes does.
    await feed.position('audit');
    await write(
      entry({ payload: { job_id: 'x' }, ip: '192.0.2.1', user_agent: 'me', reason: 'mine' }),
      entry(),
    );
    await seal();
    await anotherSealer().run(run);
    expect(await told()).toMatchObject([{ seq: 2, payload: { job_id: 'x' } }, { seq: 3 }]);
    const [first] = await told();
    for (const field of ['ip', 'user_agent', 'reason']) expect(first).not.toHaveProperty(field);
    // Sealed, and the teller died before it told.
    const away = jest.spyOn(NumberedFeed.prototype, 'tell').mockRejectedValue(new Error('away'));
    await write(entry());
    await seal();
    away.mockRestore();
    await write(entry());
    while ((await seals()).at(-1)?.to_seq !== 5) await anotherSealer().run(run);
    expect((await told()).map(({ seq }) => seq)).toEqual([2, 3, 4, 5]);
  });

  it('wait for an entry that becomes visible after one with a higher number', async () => {
    const slow = new Client({ connectionString: app.database.url });
    await slow.connect();
    const insert = `INSERT INTO audit_entries (phase, kind, outcome) VALUES ('security', 'act', 'denied') RETURNING seq`;
    try {
      await slow.query('BEGIN');
      const { rows } = await slow.query<{ seq: number }>(insert);
      expect(rows).toEqual([{ seq: 1 }]);
      await write(entry());
      await runOnce();
      await runOnce();
      expect(await seals()).toEqual([]);
      // Who holds it up for long is told of, as often as it is tried.
      const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 90_000);
      try {
        for (let n = 0; n < 2; n++)
          await expect(runOnce()).rejects.toThrow(/up to 2 have waited for 9\d s .*pg_prepared_xacts/);
      } finally {
        now.mockRestore();
      }
      await slow.query('COMMIT');
      await seal();
      expect(await seals()).toMatchObject([{ from_seq: 1, to_seq: 2, count: 2, gaps: [] }]);
      await slow.query('BEGIN');
      await slow.query(insert);
      await write(entry());
      await slow.query('ROLLBACK');
    } finally {
      await slow.end();
    }
    await seal();
    expect(await seals()).toMatchObject([{}, { from_seq: 3, to_seq: 4, count: 1, gaps: [[3, 3]] }]);
    expect((await verify()).intact).toBe(true);
  });

  it('are one line, however many processes make them while entries come in', async () => {
    const other = anotherSealer();
    const writing = Promise.all(
      Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 10; i++) await write(entry(), entry());
      }),
    );
    const sealing = [sealer, other].map(async (one) => {
      for (let i = 0; i < 20; i++) await one.run(run);
    });
    await Promise.all([writing, ...sealing]);
    await seal();
    expect(await verify()).toMatchObject({ intact: true, entries: 400, unsealed: 0 });
    const all = await seals();
    expect(all.map((one) => one.number)).toEqual(all.map((_, index) => index + 1));
    expect(await file.latest()).toMatchObject({ number: all.length });
  });

  it.each([
    ['had no time to witness a seal', 0],
    ['was cut off while it did', 100],
  ])('heal when a process %s', async (_what, bytes) => {
    await write(entry());
    await seal();
    const before = (await readFile(file.path)).length;
    await write(entry());
    await seal();
    await truncate(file.path, before + bytes);
    expect((await file.latest())?.number).toBe(1);
    await seal();
    expect((await file.latest())?.number).toBe(2);
    expect(await verify()).toMatchObject({ intact: true, witnessed_seal: 2 });
  });

  it.each([
    ['the newest seal was removed', 'DELETE FROM audit_seals WHERE number = 2'],
    ['all seals were removed', 'DELETE FROM audit_seals'],
    ['a seal was changed', "UPDATE audit_seals SET prev = '\\x00' WHERE number = 2"],
    [
      'a seal was added by somebody else',
      `INSERT INTO audit_seals SELECT 3, 3, 3, 1, gaps, leaves, root, prev, key_id, signature, sealed_at
         FROM audit_seals WHERE number = 2`,
    ],
  ])('are not continued when %s, and somebody is told', async (_what, statement) => {
    for (let i = 0; i < 2; i++) {
      await write(entry());
      await seal();
    }
    await asSuperuser(app.database, statement);
    const before = await seals();
    const lines = await readFile(file.path, 'utf8');
    await write(entry());
    await expect(runOnce()).rejects.toThrow(/Seal \d/);
    await runOnce(); // says it once, then rests
    const now = jest.spyOn(performance, 'now').mockReturnValue(performance.now() + 31_000);
    try {
      // Still so, and still the same.
      await expect(runOnce()).rejects.toThrow(/Seal \d/);
    } finally {
      now.mockRestore();
    }
    expect(await seals()).toEqual(before);
    expect(await readFile(file.path, 'utf8')).toBe(lines);
    await app.get(AuditLog).beforeApplicationShutdown();
    expect(
      await app.database.query(`SELECT phase FROM audit_entries WHERE error_code = 'audit_broken'`),
    ).toEqual([{ phase: 'security' }]);
    expect((await verify()).intact).toBe(false);
  });

  it.each([
    ['was made with another key, under the name of ours', true, 'is not signed by a key of ours'],
    ['was made with our key, and follows from another one', false, 'does not follow seal 1'],
  ])('are not continued after one that has no checkpoint and %s', async (_what, forged, message) => {
    await write(entry());
    await seal();
    const own = await app.get(AuditKeys).signing();
    const key = forged ? { ...generateKeyPairSync('ed25519'), kid: own.kid } : own;
    const [one] = await app.database.query<{ hash: Buffer }>('SELECT prev AS hash FROM audit_seals');
    const end = { number: 1, to_seq: 1, hash: forged ? ((await file.latest())?.hash as Buffer) : one?.hash };
    const next = makeSeal({ ...end, hash: end.hash as Buffer }, [], 2, key, new Date());
    await app.get(Db).transaction((tx) => storeSeal(tx, next));
    await write(entry());
    await expect(runOnce()).rejects.toThrow(message);
    expect((await file.latest())?.number).toBe(1);
  });

  it('are not continued where their last checkpoint is right, and nobody has signed it', async () => {
    await write(entry());
    await seal();
    const latest = (await file.latest()) as Checkpoint;
    await file.append({ ...latest, signature: Buffer.alloc(64) });
    await write(entry());
    await expect(runOnce()).rejects.toThrow('The checkpoint of seal 1 is not signed by a key of ours');
  });

  it('go on with a new key, and the old ones stay good', async () => {
    await write(entry());
    await seal();
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(
      join(app.env.keysDir, 'audit-0002.pem'),
      privateKey.export({ type: 'pkcs8', format: 'pem' }),
    );
    await write(entry());
    await seal();
    const keys = await app.database.query<{ n: number }>(
      'SELECT count(DISTINCT key_id) AS n FROM audit_seals',
    );
    expect(keys).toEqual([{ n: 2 }]);
    expect(await verify()).toMatchObject({ intact: true, seals: 2 });
  });

  it('hold at most so many entries each', async () => {
    await app.database.query(
      `INSERT INTO audit_entries (phase, kind, outcome) SELECT 'security', 'act', 'denied' FROM generate_series(1, 5100)`,
    );
    await seal();
    expect((await seals()).map((one) => one.count)).toEqual([5000, 100]);
    expect(await verify()).toMatchObject({ intact: true, entries: 5100 });
  });
});

describe('the audit, for the role of the application', () => {
  let app: TestApp;
  let client: Client;

  beforeAll(async () => {
    app = await bootModules([AuditSealingModule]);
    await app.get(AuditLog).write([entry(), entry()]);
    await eventually(async () => {
      await app.get(AuditSealer).run({ fence: 1, signal: new AbortController().signal });
      expect(await app.database.query('SELECT FROM audit_seals')).toHaveLength(1);
    });
    client = new Client({ connectionString: app.database.url });
    await client.connect();
  });
  afterAll(async () => {
    await client?.end();
    await app?.close();
  });

  const REFUSED = /permission denied|must be owner|must be superuser/;
  const tables: [table: string, column: string][] = [
    ['audit_entries', 'count'],
    ['audit_seals', 'count'],
    ['audit_tombstones', 'entries'],
  ];
  const statements = tables.flatMap(([table, column]) => [
    `UPDATE ${table} SET ${column} = 9`,
    `DELETE FROM ${table}`,
    `TRUNCATE ${table}`,
    `DROP TABLE ${table}`,
    `ALTER TABLE ${table} ADD COLUMN x int`,
    `ALTER TABLE ${table} DISABLE TRIGGER ALL`,
    `ALTER TABLE ${table} RENAME TO other`,
    `DROP TRIGGER ${table}_no_change ON ${table}`,
    `CREATE RULE r AS ON INSERT TO ${table} DO INSTEAD NOTHING`,
    `COPY ${table} FROM PROGRAM 'echo 1'`,
  ]);

  it.each([
    ...statements,
    'SET session_replication_role = replica',
    `SELECT setval('audit_entries_number', 1)`,
    `SELECT nextval('audit_entries_number')`,
    'CREATE OR REPLACE FUNCTION audit_entries_stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$',
    'ALTER FUNCTION audit_entries_refuse_change() RENAME TO other',
  ])('refuses %s', async (sql) => {
    await expect(client.query(sql)).rejects.toThrow(REFUSED);
  });

  it.each(['', 'OVERRIDING SYSTEM VALUE', 'OVERRIDING USER VALUE'])(
    'gives an entry its own number and time, whatever is said (%s)',
    async (override) => {
      // A sequence of the caller's own must not be the one that counts.
      await client.query('CREATE TEMP SEQUENCE IF NOT EXISTS audit_entries_number START 5000');
      const { rows: before } = await client.query<{ seq: number }>(
        'SELECT max(seq) AS seq FROM audit_entries',
      );
      const { rows } = await client.query<{ seq: number; at: Date }>(
        `INSERT INTO audit_entries (seq, at, phase, kind, outcome) ${override}
         VALUES (-5, '2001-01-01', 'security', 'act', 'denied') RETURNING seq, at`,
      );
      expect(rows[0]?.seq).toBe((before[0]?.seq ?? 0) + 1);
      expect(rows[0]?.at.getTime()).toBeGreaterThan(Date.parse('2020-01-01'));
    },
  );

  it.each(tables)('refuses change of %s to its owner, too', async (table, column) => {
    // Without a check there may be a tombstone of nothing.
    if (table === 'audit_tombstones')
      await app.database.query(
        `SET session_replication_role = replica;
         INSERT INTO audit_tombstones VALUES (1, 1, 1, 1, 1, '', '', 30, now(), 'k', '');
         RESET session_replication_role`,
      );
    for (const sql of [`UPDATE ${table} SET ${column} = 9`, `DELETE FROM ${table}`, `TRUNCATE ${table}`])
      await expect(app.database.query(sql)).rejects.toThrow(`${table} is append-only`);
  });
});

/** What text Postgres can keep: the pipeline sees to that before anything is done. */
function storable(value: unknown): unknown {
  return JSON.parse(
    JSON.stringify(value)
      .replaceAll(/\\u0000/g, '')
      .toWellFormed(),
  ) as unknown;
}
