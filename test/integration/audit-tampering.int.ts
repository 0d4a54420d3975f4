import { generateKeyPairSync, randomInt } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { auditEntry } from '../../src/pipeline/audit/audit-entry';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { AuditSealer } from '../../src/pipeline/audit/audit-sealer.manager';
import { AuditSealingModule } from '../../src/pipeline/audit/audit-sealing.module';
import { CheckpointFile } from '../../src/pipeline/audit/seals/checkpoint-file';
import { AuditVerifier } from '../../src/pipeline/audit/verify/audit-verifier';
import { PostgresSource } from '../../src/pipeline/audit/verify/postgres-source';
import type { AuditSource, Verification } from '../../src/pipeline/audit/verify/verification';
import { Db } from '../../src/platform/postgres/db';
import { AuditKeys, type VerifyingKey } from '../../src/platform/security/audit-keys';
import { type AuditCopy, copyOf, type Pick, sourceOf, tamper } from '../support/audit-edits';
import { bootModules, type TestApp } from '../support/app';

const EDITS = 1_000;
const SEALS = 6;
const PER_SEAL = 40;
/** What has to be found out among the edits, each of which has its part in them. */
const KINDS = [
  'chain_rewritten',
  'changed',
  'removed',
  'reordered',
  'seal_altered',
  'seal_missing',
  'slipped_in',
  'tail_cut',
];

let app: TestApp;
let keys: VerifyingKey[];
let audit: AuditCopy;

const checkpoints = () => new CheckpointFile(app.env.auditCheckpointFile).all();
const verify = (source: AuditSource): Promise<Verification> =>
  AuditVerifier.verify(source, keys, checkpoints());

/** An audit by the real sealer: seals with gaps, a change of keys, and entries that are not sealed yet. */
beforeAll(async () => {
  app = await bootModules([AuditSealingModule]);
  for (let number = 1; number <= SEALS; number++) {
    await writeEntries(number, PER_SEAL / 2);
    await rollBackEntries(2);
    await writeEntries(number, PER_SEAL / 2);
    await sealAll(number);
    if (number === SEALS / 2) await changeKeys();
  }
  await writeEntries(0, 3);
  keys = await app.get(AuditKeys).verifying();
  audit = await copyOf(new PostgresSource(app.get(Db)));
});
afterAll(() => app?.close());

describe('an audit that nobody touched', () => {
  it('is intact', async () => {
    const expected = {
      intact: true,
      seals: SEALS,
      entries: SEALS * PER_SEAL,
      unsealed: 3,
      witnessed_seal: SEALS,
    };
    expect(await verify(new PostgresSource(app.get(Db)))).toMatchObject(expected);
    expect(await verify(sourceOf(audit))).toMatchObject(expected);
  });
});

describe('an audit that somebody with all rights has changed', () => {
  it(`is found out, ${EDITS} times of ${EDITS}, and the first bad entry is named`, async () => {
    const seed = randomInt(2 ** 31);
    const pick = randomFrom(seed);
    process.stderr.write(`audit-tampering: seed ${seed}\n`);
    const missed: object[] = [];
    const kinds = new Set<string>();
    // The rarest is less than one of a hundred: once in some thousand runs it has not come by then.
    for (let n = 0; n < EDITS || (kinds.size < KINDS.length && n < 10 * EDITS); n++) {
      const { what, seq, audit: changed } = tamper(audit, pick);
      const { intact, first } = await verify(sourceOf(changed));
      if (first) kinds.add(first.kind);
      if (intact || first?.seq !== seq) missed.push({ n, what, seq, intact, first });
    }
    expect(missed).toEqual([]);
    expect([...kinds].sort()).toEqual(KINDS);
  });

  /** In Postgres: the statement, and the entry that must be named first; seal n begins at number 1 + (n - 1) * 42. */
  const begin = (seal: number): number => 1 + (seal - 1) * (PER_SEAL + 2);
  /** The same day and time of the year before Christ that has the same number. */
  const beforeChrist = (column: string): string =>
    `${column} - make_interval(years => 2 * extract(year FROM ${column} AT TIME ZONE 'UTC')::int - 1)`;
  const sealColumns: [string, string][] = [
    ['number', 'number + 100'],
    ['from_seq', 'from_seq + 1'],
    ['to_seq', 'to_seq - 1'],
    ['count', 'count - 1'],
    ['gaps', `'[]'`],
    ['gaps', `'[[68.0, 69]]'`],
    ['root', `set_byte(root, 31, 255 - get_byte(root, 31))`],
    ['prev', `set_byte(prev, 0, 255 - get_byte(prev, 0))`],
    ['key_id', `key_id || 'x'`],
    ['signature', `set_byte(signature, 9, 255 - get_byte(signature, 9))`],
    ['sealed_at', `sealed_at + interval '1 microsecond'`],
    ['sealed_at', beforeChrist('sealed_at')],
  ];
  const entryColumns: [string, string][] = [
    ['at', `at + interval '1 microsecond'`],
    ['at', beforeChrist('at')],
    ['at', `'infinity'`],
    ['phase', `'security'`],
    ['kind', `'preview'`],
    ['outcome', `'succeeded'`],
    ['execution_id', 'gen_random_uuid()'],
    ['actor_id', 'NULL'],
    ['actor_role', `actor_role || ' '`],
    ['action', 'upper(action)'],
    ['payload', `payload || '{"more": 1}'`],
    ['payload', `jsonb_set(payload, '{n}', '1.0')`],
    ['payload', `jsonb_set(payload, '{n}', '1.00000000000000000001')`],
    ['detail', `'null'`],
    ['status', 'status + 1'],
    ['error_code', `''`],
    ['reason', `''`],
    ['trace_id', 'NULL'],
    ['ip', `'10.0.0.1'`],
    ['user_agent', `user_agent || chr(8203)`],
    ['count', 'count + 1'],
  ];
  const cases: [string, number | null][] = [
    ...entryColumns.map(([column, value]): [string, number] => [
      `UPDATE audit_entries SET ${column} = ${value} WHERE seq = 50`,
      50,
    ]),
    ...sealColumns.map(([column, value]): [string, number] => [
      `UPDATE audit_seals SET ${column} = ${value} WHERE number = 2`,
      begin(2),
    ]),
    ['UPDATE audit_seals SET leaves = substr(leaves, 33) WHERE number = 2', null],
    ['UPDATE audit_entries SET seq = 22 WHERE seq = 23', 22],
    ['DELETE FROM audit_entries WHERE seq = 100', 100],
    ['DELETE FROM audit_entries WHERE seq BETWEEN 100 AND 110', 100],
    ['DELETE FROM audit_entries WHERE seq > 200', 201],
    ['DELETE FROM audit_entries', 1],
    ['TRUNCATE audit_entries, audit_seals', 1],
    ['TRUNCATE audit_seals', 1],
    ['DELETE FROM audit_seals WHERE number = 3', begin(3)],
    ['DELETE FROM audit_seals WHERE number = 6', begin(6)],
    [
      `WITH cut AS (DELETE FROM audit_seals WHERE number > 4 RETURNING 1) DELETE FROM audit_entries WHERE seq >= ${begin(5)}`,
      begin(5),
    ],
    [
      `UPDATE audit_entries a SET payload = b.payload, trace_id = b.trace_id FROM audit_entries b
        WHERE (a.seq, b.seq) IN ((60, 61), (61, 60))`,
      60,
    ],
    [`INSERT INTO audit_entries (seq, phase, kind, outcome) VALUES (21, 'intent', 'act', 'pending')`, 21],
    [`INSERT INTO audit_entries (seq, phase, kind, outcome) VALUES (-7, 'intent', 'act', 'pending')`, -7],
    [
      `INSERT INTO audit_entries (seq, phase, kind, outcome) VALUES (${-(2n ** 63n)}, 'intent', 'act', 'pending')`,
      -(2 ** 63),
    ],
    // More than are read at a time, where a number of JavaScript cannot tell them from each other.
    ...[-(2n ** 63n), 2n ** 62n].map((first): [string, number] => [
      `INSERT INTO audit_entries (seq, phase, kind, outcome)
       SELECT ${first} + n, 'intent', 'act', 'pending' FROM generate_series(0, 449) n`,
      Number(first),
    ]),
    [`INSERT INTO audit_entries (seq, phase, kind, outcome) VALUES (900, 'intent', 'act', 'pending')`, 900],
  ];

  it.each(cases)('is found out in Postgres: %s', async (statement, seq) => {
    const client = new Client({ connectionString: app.database.ownerUrl });
    await client.connect();
    try {
      await client.query('BEGIN; SET LOCAL session_replication_role = replica');
      const { rowCount, command } = await client.query(statement);
      if (command !== 'TRUNCATE') expect(rowCount).toBeGreaterThan(0);
      const reader = {
        query: async <T>(sql: string, params?: unknown[]) => (await client.query(sql, params)).rows as T[],
      };
      const result = await verify(new PostgresSource(reader));
      expect({ intact: result.intact, seq: result.first?.seq ?? null }).toEqual({ intact: false, seq });
    } finally {
      await client.query('ROLLBACK');
      await client.end();
    }
  });
});

async function writeEntries(round: number, count: number): Promise<void> {
  await app.get(AuditLog).write(
    Array.from({ length: count }, (_, n) =>
      auditEntry({
        phase: 'intent',
        outcome: 'pending',
        actor_id: '01890a5d-ac96-774b-bcce-b302099a8057',
        actor_role: 'operator',
        action: 'job.cancel',
        payload: { n: 1, list: [round, n, { text: '\u00e9\u{1f600}' }] },
        detail: n % 2 === 0 ? null : { preview: 'p' },
        status: 200,
        trace_id: `trace-${round}-${n}`,
        ip: '192.0.2.7',
        user_agent: 'curl/8',
      }),
    ),
  );
}

async function rollBackEntries(count: number): Promise<void> {
  const undo = new Error('undo');
  await app
    .get(Db)
    .transaction(async (tx) => {
      for (let n = 0; n < count; n++)
        await app.get(AuditLog).write([auditEntry({ phase: 'denial', outcome: 'denied' })], tx);
      throw undo;
    })
    .catch((error: unknown) => {
      if (error !== undo) throw error;
    });
}

/** Until this seal is there: transactions of other tests on the same server may hold it up. */
async function sealAll(number: number): Promise<void> {
  const sealer = app.get(AuditSealer);
  for (let last = 0; last < number;) {
    await sealer.run({ fence: 1, signal: new AbortController().signal });
    const [row] = await app.database.query<{ n: number | null }>('SELECT max(number) AS n FROM audit_seals');
    last = row?.n ?? 0;
  }
}

async function changeKeys(): Promise<void> {
  const pem = generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' });
  await writeFile(join(app.env.keysDir, 'audit-0002.pem'), pem);
}

/** Mulberry32: small, and the same for the same seed. */
function randomFrom(seed: number): Pick {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below);
  };
}
