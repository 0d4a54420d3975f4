import { readFile, rm, writeFile } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { Client } from 'pg';
import { type AuditEntry, auditEntry } from '../../src/pipeline/audit/audit-entry';
import { seqRangeOf } from '../../src/pipeline/audit/audit-period';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { AuditRetention } from '../../src/pipeline/audit/audit-retention.manager';
import { AuditSealer } from '../../src/pipeline/audit/audit-sealer.manager';
import { AuditSealingModule } from '../../src/pipeline/audit/audit-sealing.module';
import { leafHash } from '../../src/pipeline/audit/leaf';
import { CheckpointFile } from '../../src/pipeline/audit/seals/checkpoint-file';
import { makeSeal, NO_SEAL, sealHash } from '../../src/pipeline/audit/seals/seal';
import { SealTrail } from '../../src/pipeline/audit/seals/seal-trail';
import { entryPages, storeSeal } from '../../src/pipeline/audit/seals/stored';
import { AuditVerifier } from '../../src/pipeline/audit/verify/audit-verifier';
import { ExportSource } from '../../src/pipeline/audit/verify/export-source';
import { PostgresSource } from '../../src/pipeline/audit/verify/postgres-source';
import type { Verification } from '../../src/pipeline/audit/verify/verification';
import { AuditSearch } from '../../src/categories/logs/audit-search';
import { AuditProofs } from '../../src/pipeline/audit/audit-proofs';
import { AuditExporter } from '../../src/categories/logs/audit-exporter';
import { PersonalFields } from '../../src/pipeline/audit/subjects/personal-fields';
import type { ActionContext } from '../../src/pipeline/catalogue/action-command';
import type { ExportOrder, ExportWriter } from '../../src/pipeline/exports/export-writer';
import { Db } from '../../src/platform/postgres/db';
import { AuditKeys } from '../../src/platform/security/audit-keys';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { bootModules, type TestApp } from '../support/app';
import { asSuperuser } from '../support/database';

const DAY_MS = 86_400_000;
const signal = new AbortController().signal;
const daysAgo = (days: number): Date => new Date(Date.now() - days * DAY_MS);
const entry = (change: Partial<AuditEntry> = {}): AuditEntry =>
  auditEntry({ phase: 'denial', outcome: 'denied', action: 'job.cancel', ...change });

describe('the retention of the audit', () => {
  let app: TestApp;
  let end: Parameters<typeof makeSeal>[0];

  const write = (count: number): Promise<void> =>
    app.get(AuditLog).write(Array.from({ length: count }, () => entry()));
  /** Writes entries and seals them as the sealer would have done so many days ago. */
  const sealedDaysAgo = async (days: number, count: number): Promise<void> => {
    await write(count);
    // The server stamps when an entry came.
    await tamper(`UPDATE audit_entries SET at = '${daysAgo(days).toISOString()}' WHERE seq > ${end.to_seq}`);
    const leaves = [];
    for await (const page of entryPages(app.get(Db), end.to_seq))
      for (const one of page) leaves.push({ seq: one.seq, leaf: leafHash(one) });
    const key = await app.get(AuditKeys).signing();
    const seal = makeSeal(end, leaves, leaves.at(-1)?.seq ?? 0, key, daysAgo(days));
    await app.get(Db).transaction((tx) => storeSeal(tx, seal));
    await app.get(SealTrail).witness(seal, key);
    end = { number: seal.number, to_seq: seal.to_seq, hash: sealHash(seal) };
  };
  const verify = async (fromSeal = 1): Promise<Verification> =>
    AuditVerifier.verify(
      new PostgresSource(app.get(Db)),
      await app.get(AuditKeys).verifying(),
      new CheckpointFile(app.env.auditCheckpointFile).all(),
      { fromSeal },
    );
  const retention = (): Promise<unknown> => app.get(AuditRetention).run({ signal });
  const keep = (days: number | null): Promise<unknown> =>
    app.get(RuntimeSettings).update({ audit: { keep_days: days } }, { authorId: null });
  const tamper = (...statements: string[]): Promise<void> => asSuperuser(app.database, ...statements);
  /** As if the tombstones had been there for two days; it is signed, so only their removal can be tried with it. */
  const letADayPass = (): Promise<void> =>
    tamper(`UPDATE audit_tombstones SET retired_at = retired_at - interval '2 days'`);
  const undoTheDay = (): Promise<void> =>
    tamper(`UPDATE audit_tombstones SET retired_at = retired_at + interval '2 days'`);
  const numbers = (table: string, column: string) =>
    app.database
      .query<{ n: number }>(`SELECT ${column} AS n FROM ${table} ORDER BY 1`)
      .then((rows) => rows.map(({ n }) => n));

  /** Seals 1 to 3 are old, 4 is not; 4, 3, 2 and 1 entries. */
  beforeEach(async () => {
    app = await bootModules([AuditSealingModule]);
    end = { number: 0, to_seq: 0, hash: NO_SEAL };
    for (const [index, days] of [90, 60, 45, 1].entries()) await sealedDaysAgo(days, 4 - index);
  });
  afterEach(() => app?.close());

  it('keeps everything, unless it is set to do otherwise', async () => {
    await retention();
    expect(await numbers('audit_seals', 'number')).toEqual([1, 2, 3, 4]);
    expect(await verify()).toMatchObject({ intact: true, entries: 10, retired: 0 });
  });

  it('gives up whole seals, and the audit stays intact from the tombstone on', async () => {
    await keep(50);
    await retention();
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([2]);
    expect(
      await app.database.query(`SELECT detail FROM audit_entries WHERE error_code = 'audit_retired'`),
    ).toEqual([{ detail: { from_seal: 1, to_seal: 2, from_seq: 1, to_seq: 7, entries: 7, keep_days: 50 } }]);
    // Nobody is shown it any more, and a day passes before it is gone.
    expect(await seqRangeOf(app.get(Db), null, null)).toMatchObject({ from: 8 });
    const proofs = new AuditProofs(app.get(Db));
    const search = new AuditSearch(app.get(Db), proofs, app.get(PersonalFields));
    expect((await search.find({ limit: 200 })).entries.at(-1)?.seq).toBe(8);
    expect(await numbers('audit_seals', 'number')).toEqual([1, 2, 3, 4]);
    expect(await verify()).toMatchObject({ intact: true, entries: 3, unsealed: 1, retired: 7 });

    await letADayPass();
    await retention();
    await undoTheDay();
    expect(await numbers('audit_seals', 'number')).toEqual([3, 4]);
    expect((await numbers('audit_entries', 'seq'))[0]).toBe(8);
    expect(await verify()).toMatchObject({ intact: true, seals: 2, entries: 3, unsealed: 1, retired: 7 });
    expect(await verify(4)).toMatchObject({ intact: true, seals: 1, entries: 1 });
    // One who may insert seals, and nobody looks at those that are over: it proves nothing.
    await app.get(Db).execute(
      `INSERT INTO audit_seals SELECT 1, 8, 8, 1, '[]', leaves, root, prev, key_id, signature, sealed_at
         FROM audit_seals WHERE number = 3`,
    );
    expect((await proofs.inclusionProof(8))?.seal).toBe(3);
    await tamper('DELETE FROM audit_seals WHERE number = 1');

    // The sealer goes on, also without the file of its checkpoints; the next tombstone follows from this one.
    await rm(app.env.auditCheckpointFile);
    await tamper(`UPDATE audit_tombstones SET keep_days = 51`);
    const sealer = app.get(AuditSealer);
    await expect(sealer.run({ fence: 1, signal })).rejects.toThrow(
      'up to seal 2 is not signed by a key of ours',
    );
    await tamper(`UPDATE audit_tombstones SET keep_days = 50`);
    Object.assign(sealer, { broken: undefined });
    await sealer.run({ fence: 1, signal });
    expect((await new CheckpointFile(app.env.auditCheckpointFile).latest())?.number).toBeGreaterThanOrEqual(
      4,
    );
    await keep(40);
    await retention();
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([2, 3]);
    expect(await verify()).toMatchObject({ intact: true, retired: 9 });
  });

  it('retires nothing that was tampered with, that has no checkpoint, or that is the newest seal', async () => {
    await keep(30);
    await tamper('UPDATE audit_entries SET status = 200 WHERE seq = 5');
    await expect(retention()).rejects.toThrow('Entry 5 was changed');
    await tamper(
      'UPDATE audit_entries SET status = NULL WHERE seq = 5',
      'DELETE FROM audit_seals WHERE number = 4',
    );
    // The checkpoints go further than the seals: the end was cut off.
    await retention();
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([2]);
  });

  it('retires no seal whose checkpoint is not in the file yet', async () => {
    await keep(30);
    const [first = ''] = (await readFile(app.env.auditCheckpointFile, 'utf8')).split('\n');
    await writeFile(app.env.auditCheckpointFile, `${first}\n`);
    await retention();
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([1]);
  });

  it('retires nothing without an entry that says so', async () => {
    await keep(50);
    jest.spyOn(app.get(AuditLog), 'write').mockRejectedValueOnce(new Error('not now'));
    await expect(retention()).rejects.toThrow('not now');
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([]);
  });

  it('does not take the word of Postgres for what the time is', async () => {
    await keep(50);
    // As if somebody had put another function in place of the one that tells the time there.
    const now = jest.spyOn(Date, 'now').mockReturnValue(Date.now() - 30 * DAY_MS);
    try {
      await expect(retention()).rejects.toThrow('by the clock of this machine it is not');
    } finally {
      now.mockRestore();
    }
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([]);
    await retention();
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([2]);
  });

  it('does not disturb an export that has begun, which verifies', async () => {
    await keep(50);
    const parts: string[] = [];
    const writer = {
      write: async (order: ExportOrder) => {
        for await (const { text } of order.parts) parts.push(text.toString());
      },
    };
    const db = app.get(Db);
    const meanwhile = {
      query: async (sql: string, params?: unknown[]) => {
        // Between the seals that are to be in it and the tombstones.
        if (sql.includes('ORDER BY audit_tombstones.to_seal') && !sql.includes('LIMIT 1')) await retention();
        return db.query(sql, params);
      },
    };
    const exporter = new AuditExporter(
      meanwhile as unknown as Db,
      writer as unknown as ExportWriter,
      app.get(PersonalFields),
      app.env,
    );
    await exporter.export({ after: null, before: null, format: 'ndjson' }, {} as ActionContext);
    expect(await numbers('audit_tombstones', 'to_seal')).toEqual([2]);
    const result = await AuditVerifier.verify(
      new ExportSource(Readable.from(parts.join('').trimEnd().split('\n'))),
      await app.get(AuditKeys).verifying(),
      new CheckpointFile(app.env.auditCheckpointFile).all(),
    );
    expect(result).toMatchObject({ intact: true, seals: 4, entries: 10, retired: 0 });
  });

  it('and whatever reads by time from the beginning, or to the end, reads all, however the clock was turned', async () => {
    const last = end.to_seq;
    // One came while the clock stood in another year, and more came after it than are looked at around a time.
    await write(2_001);
    await tamper(
      `UPDATE audit_entries SET at = '2001-01-01Z' WHERE seq = ${last + 1_500}`,
      `UPDATE audit_entries SET at = '2101-01-01Z' WHERE seq = 5`,
    );
    const db = app.get(Db);
    expect(await seqRangeOf(db, null, null)).toEqual({ from: 1, to: last + 2_001 });
    expect(await seqRangeOf(db, null, '2000-01-01Z')).toBeUndefined();
    expect(await seqRangeOf(db, '2102-01-01Z', null)).toBeUndefined();
    expect(await seqRangeOf(db, daysAgo(0.5).toISOString(), null)).toMatchObject({ to: last + 2_001 });
  });

  it.each([
    ['was changed', 'UPDATE audit_tombstones SET entries = entries - 1', 'tombstone_altered', 1],
    ['covers more than was retired', 'UPDATE audit_tombstones SET to_seal = 3', 'tombstone_altered', 1],
    ['is gone', 'DELETE FROM audit_tombstones', 'seal_missing', 1],
    [
      'stands, but more is gone',
      'DELETE FROM audit_seals WHERE number = 3; DELETE FROM audit_entries WHERE seq < 10',
      'seal_missing',
      8,
    ],
    ['stands, but an entry after it is gone', 'DELETE FROM audit_entries WHERE seq = 8', 'removed', 8],
    ['was signed by somebody else', `UPDATE audit_tombstones SET key_id = 'other'`, 'tombstone_altered', 1],
  ])('is found out where a tombstone %s', async (_what, statement, kind, seq) => {
    await keep(50);
    await retention();
    await letADayPass();
    await retention();
    await undoTheDay();
    await tamper(...statement.split('; '));
    expect(await verify()).toMatchObject({ intact: false, first: { kind, seq } });
  });

  it.each([
    ['what came lately', 10],
    ['what is yet to come', 1_000],
  ])('does not believe a seal that says it is old and covers %s', async (_what, toSeq) => {
    const client = new Client({ connectionString: app.database.url });
    await client.connect();
    try {
      const forge = `INSERT INTO audit_seals
          (number, from_seq, to_seq, count, gaps, leaves, root, prev, key_id, signature, sealed_at)
        VALUES ($1, 1, $2, 0, '[]', '', '', $3, 'k', '', '2020-01-01')`;
      await write(1);
      await tamper('DELETE FROM audit_seals WHERE number = 4');
      await client.query(forge, [4, toSeq, Buffer.alloc(32)]);
      await client.query(forge, [5, 2_000, Buffer.alloc(32, 1)]);
      const tombstone = client.query(
        `INSERT INTO audit_tombstones
           (from_seal, to_seal, from_seq, to_seq, entries, prev, hash, keep_days, retired_at, key_id, signature)
         VALUES (1, 4, 1, $1, 9, $2, $3, 30, now(), 'k', '')`,
        [toSeq, Buffer.alloc(32), Buffer.alloc(32, 1)],
      );
      await expect(tombstone).rejects.toThrow('covers what is to be kept');
    } finally {
      await client.end();
    }
  });

  it('is left to one function, which takes what is retired and nothing else', async () => {
    const client = new Client({ connectionString: app.database.url });
    await client.connect();
    try {
      const insert = (change: object): Promise<unknown> => {
        const row = {
          from_seal: 1,
          to_seal: 1,
          from_seq: 1,
          to_seq: 4,
          entries: 4,
          prev: Buffer.alloc(32),
          hash: Buffer.alloc(32),
          keep_days: 30,
          retired_at: new Date(),
          key_id: 'k',
          signature: Buffer.alloc(64),
          ...change,
        };
        const columns = Object.keys(row);
        return client.query(
          `INSERT INTO audit_tombstones (${columns.join()}) VALUES (${columns.map((_, i) => `$${i + 1}`).join()})`,
          Object.values(row),
        );
      };
      const [second] = await app.database.query<{ prev: Buffer }>(
        'SELECT prev FROM audit_seals WHERE number = 2',
      );
      const right = { hash: second?.prev };
      await expect(insert({ ...right, retired_at: daysAgo(2) })).rejects.toThrow('not that of the server');
      await expect(insert({})).rejects.toThrow('does not go on from the tombstone');
      await expect(insert({ ...right, from_seal: 2 })).rejects.toThrow('where the one before ended');
      await expect(insert({ ...right, to_seq: 3 })).rejects.toThrow('whole seals');
      await expect(insert({ ...right, entries: 3 })).rejects.toThrow('whole seals');
      await expect(insert({ ...right, keep_days: 100 })).rejects.toThrow('is to be kept');
      await expect(insert({ ...right, keep_days: 1 })).rejects.toThrow('keep_days');
      await expect(insert({ ...right, to_seal: 4, to_seq: 10, entries: 10 })).rejects.toThrow('to be kept');
      for (const table of ['audit_entries', 'audit_seals', 'audit_tombstones'])
        await expect(client.query(`DELETE FROM ${table}`)).rejects.toThrow('permission denied');
      expect((await client.query('SELECT audit_remove_retired(1000)')).rows).toEqual([
        { audit_remove_retired: 0 },
      ]);
      expect(await numbers('audit_seals', 'number')).toEqual([1, 2, 3, 4]);
      await insert(right);
      await client.query('SELECT audit_remove_retired(1000)');
      expect(await numbers('audit_seals', 'number')).toEqual([1, 2, 3, 4]);
      await letADayPass();
      await client.query('SELECT audit_remove_retired(1000)');
      expect(await numbers('audit_seals', 'number')).toEqual([2, 3, 4]);
      expect(await numbers('audit_entries', 'seq')).toEqual([5, 6, 7, 8, 9, 10]);
      for (const table of ['audit_entries', 'audit_seals', 'audit_tombstones'])
        await expect(app.database.query(`DELETE FROM ${table}`)).rejects.toThrow('append-only');
    } finally {
      await client.end();
    }
  });
});
