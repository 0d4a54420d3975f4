import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AuditSearch, type FoundEntry } from '../../src/categories/logs/audit-search';
import { leafHash } from '../../src/pipeline/audit/leaf';
import { rootFromProof } from '../../src/pipeline/audit/seals/merkle';
import { ENV, type Env } from '../../src/platform/settings/env';
import type { Answer, HttpClient } from '../support/http-client';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';
import { newKey } from '../support/pipeline';
import { temporaryFolder } from '../support/servers';

interface Page {
  entries: FoundEntry[];
  next_cursor: string | null;
}
interface Exported {
  rows: number;
  sha256: string;
  download_url: string;
}

const PROJECT = join(__dirname, '../..');

let installation: TestInstallation;
let env: Env;
let supervisor: HttpClient;
let supervisorId: string;
let admin: HttpClient;
let adminId: string;
let adminEmail: string;

beforeAll(async () => {
  installation = await startInstallation();
  env = installation.get(ENV as never);
  const [one, other] = [await installation.user('supervisor'), await installation.user('admin')];
  [supervisor, supervisorId] = [one.client, one.user.id];
  [admin, adminId, adminEmail] = [other.client, other.user.id, other.user.email];
  await installation.startManager();
  for (const queue of ['inspector', 'normaliser', 'packager'])
    await admin.action(
      'queue.pause',
      { queue },
      { headers: newKey(), options: { reason: `=1+1 for ${queue}` } },
    );
});
afterAll(() => installation?.close());

const search = async (payload: object, client = supervisor): Promise<Page> =>
  (await client.action<Page>('logs.search_audit', payload)).data;
const operation = <T>(name: string, payload: object = {}): Promise<Answer<T>> =>
  supervisor.action<T>(name, payload, { headers: newKey(), options: { wait_ms: 20_000 } });
const sealed = (page: () => Promise<Page>): Promise<Page> =>
  eventually(
    async () => {
      const found = await page();
      expect(found.entries.filter((entry) => entry.sealed === null)).toEqual([]);
      return found;
    },
    { timeoutMs: 20_000 },
  );

describe('logs.search_audit', () => {
  it('finds what fits, newest first, a page at a time', async () => {
    const all = await search({ actor: adminId, action: 'queue.pause' });
    expect(all.entries.map((entry) => [entry.phase, entry.outcome])).toEqual([
      ['outcome', 'succeeded'],
      ['intent', 'pending'],
      ['outcome', 'succeeded'],
      ['intent', 'pending'],
      ['outcome', 'succeeded'],
      ['intent', 'pending'],
    ]);
    expect(all.next_cursor).toBeNull();
    const paged: number[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page = await search({
        actor: adminEmail.toUpperCase(),
        action: 'queue.pause',
        limit: 4,
        ...(cursor ? { cursor } : {}),
      });
      paged.push(...page.entries.map((entry) => entry.seq));
      cursor = page.next_cursor;
    }
    expect(paged).toEqual(all.entries.map((entry) => entry.seq));
  });

  it('ends a page when it has taken long enough, and goes on from there, also where nothing fitted', async () => {
    const query = { actor: adminId, action: 'queue.pause' };
    const all = (await search(query)).entries.map((entry) => entry.seq);
    const one = await installation
      .get(AuditSearch)
      .find({ ...query, limit: 4 }, { span: 4, budgetMs: 60_000 });
    expect(one.entries.map((entry) => entry.seq)).toEqual(all.slice(0, 4));
    expect(one.next_cursor).toBe(String(all[3]));
    const found: number[] = [];
    let pages = 0;
    for (let cursor: string | null | undefined; cursor !== null; pages += 1) {
      const page: Page = await installation
        .get(AuditSearch)
        .find({ ...query, limit: 4, ...(cursor ? { cursor } : {}) }, { span: 1, budgetMs: 0 });
      expect(page.entries.length).toBeLessThanOrEqual(1);
      found.push(...page.entries.map((entry) => entry.seq));
      if (cursor && page.next_cursor) expect(Number(cursor) - Number(page.next_cursor)).toBe(1);
      cursor = page.next_cursor;
    }
    expect(found).toEqual(all);
    expect(pages).toBeGreaterThan(all.length);
  });

  it('filters by everything that it says', async () => {
    const { entries } = await search({ actor: adminId, action: 'queue.pause' });
    const [newest, , middle] = entries;
    const seqs = async (payload: object) =>
      (await search({ actor: adminId, action: 'queue.pause', ...payload })).entries.map((entry) => entry.seq);
    const all = entries.map((entry) => entry.seq);
    expect(await seqs({ outcome: 'succeeded' })).toEqual([all[0], all[2], all[4]]);
    expect(await seqs({ trace_id: newest?.trace_id })).toEqual(all.slice(0, 2));
    expect(await seqs({ ip: newest?.ip })).toEqual(all);
    expect(await seqs({ ip: '192.0.2.1' })).toEqual([]);
    expect(await seqs({ after: middle?.at })).toEqual(all.slice(0, 3));
    expect(await seqs({ before: middle?.at })).toEqual(all.slice(3));
    expect(await seqs({ after: middle?.at, before: newest?.at })).toEqual(all.slice(1, 3));
    expect(await seqs({ before: '2001-01-01T00:00:00Z' })).toEqual([]);
    expect(await search({ actor: 'nobody@example.test' })).toEqual({ entries: [], next_cursor: null });
  });

  it('proves of each entry that a signed seal vouches for it', async () => {
    const { entries } = await sealed(() => search({ actor: adminId, action: 'queue.pause' }));
    for (const { leaf, sealed: proof, encrypted, ...fields } of entries) {
      expect(leafHash({ ...fields, ...encrypted }).toString('hex')).toBe(leaf);
      expect(proof?.leaf).toBe(leaf);
      const path = (proof?.path ?? []).map((hash) => Buffer.from(hash, 'hex'));
      const root = rootFromProof(Buffer.from(leaf, 'hex'), proof?.index ?? -1, proof?.size ?? 0, path);
      expect(root?.toString('hex')).toBe(proof?.root);
      const [seal] = await installation.database.query<{ root: Buffer }>(
        'SELECT root FROM audit_seals WHERE number = $1',
        [proof?.seal],
      );
      expect(seal?.root.toString('hex')).toBe(proof?.root);
    }
  });

  it('is on record itself', async () => {
    const answer = await supervisor.action<Page>('logs.search_audit', { actor: adminId, limit: 1 });
    const { entries } = await search({ trace_id: answer.body.trace_id });
    expect(entries.map(({ phase, actor_id, payload }) => [phase, actor_id, payload])).toEqual([
      ['outcome', supervisorId, null],
      ['intent', supervisorId, { actor: adminId, limit: 1 }],
    ]);
  });
});

describe('logs.verify_audit', () => {
  it('finds an untouched audit intact, over all that is sealed', async () => {
    await sealed(() => search({ actor: adminId, action: 'queue.pause' }));
    // A seal is witnessed outside of Postgres a moment after it is stored.
    await eventually(async () => {
      const { data } = await operation<Record<string, unknown>>('logs.verify_audit');
      expect(data).toMatchObject({ intact: true, first: null, findings: [], first_seal: 1 });
      expect(data['entries']).toBeGreaterThanOrEqual(6);
      expect(data['witnessed_seal']).toBe(data['last_seal']);
    });
  });
});

describe('logs.export_audit', () => {
  const download = async (payload: object): Promise<{ data: Exported; text: string }> => {
    const { data } = await operation<Exported>('logs.export_audit', payload);
    const file = await supervisor.get(new URL(data.download_url).pathname);
    expect(createHash('sha256').update(file.bytes).digest('hex')).toBe(data.sha256);
    return { data, text: file.bytes.toString('utf8') };
  };

  it('neutralises in CSV what a spreadsheet would run', async () => {
    const { entries } = await search({ actor: adminId, action: 'queue.pause' });
    const period = { after: entries.at(-1)?.at, before: entries[0]?.at };
    const { data, text } = await download({ format: 'csv', ...period });
    const lines = text.trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^seq,at,phase,.*,count,seal,leaf$/);
    expect(data.rows).toBe(lines.length - 1);
    expect(text).toContain(`,'=1+1 for packager,`);
    expect(text).not.toContain(',=1+1');
    expect(text).toContain(entries[1]?.leaf);
    expect(text).not.toContain(entries[0]?.leaf);
  });

  it('can be verified elsewhere, with the public key and the checkpoints', async () => {
    await sealed(() => search({ actor: adminId, action: 'queue.pause' }));
    const { data, text } = await download({});
    const dir = temporaryFolder('export');
    const [file, bad] = [join(dir, 'audit.ndjson'), join(dir, 'bad.ndjson')];
    await writeFile(file, text);
    const keys = (await readdir(env.keysDir)).filter((name) => name.endsWith('.pub.pem'));
    const offline = (path: string, ...more: string[]) =>
      auditVerify([
        '--export',
        path,
        ...keys.flatMap((key) => ['--public-key', join(env.keysDir, key)]),
        ...more,
      ]);
    const checkpoints = ['--checkpoints', env.auditCheckpointFile];

    expect(await offline(file, ...checkpoints)).toMatchObject({ code: 0 });
    const { code, stdout } = await offline(file, '--from-seal', '2');
    expect([code, stdout]).toEqual([0, expect.stringContaining('The audit is intact.')]);

    // Of a time that has not come there is nothing, and nothing is missing.
    const after = new Date(Date.now() + 3_600_000).toISOString();
    await writeFile(bad, (await download({ after })).text);
    expect(await offline(bad, ...checkpoints)).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(
        new RegExp(`By its own account the export was made at \\S+ and goes from ${after} to`),
      ) as string,
    });

    const lines = text.trimEnd().split('\n');
    const at = lines.findIndex((line) => line.includes('"action":"queue.pause"'));
    const { seq } = JSON.parse(lines[at] ?? '') as { seq: number };
    await writeFile(bad, lines.with(at, (lines[at] ?? '').replace('queue.pause', 'queue.clear')).join('\n'));
    expect(await offline(bad, ...checkpoints)).toMatchObject({
      code: 1,
      stdout: expect.stringContaining(`Entry ${seq} was changed. First bad entry: ${seq}.`) as string,
    });
    const lastSeal = lines.findLastIndex((line) => line.startsWith('{"type":"seal"'));
    const cut = [...lines.slice(0, lastSeal), `{"type":"end","seals":1,"entries":1}`];
    await writeFile(bad, cut.join('\n'));
    expect(await offline(bad, ...checkpoints)).toMatchObject({ code: 1 });
    await writeFile(bad, 'seq,at\n1,2\n');
    expect(await offline(bad)).toMatchObject({ code: 2 });
    expect(await auditVerify(['--export', file])).toMatchObject({ code: 2 });
    expect(data.rows).toBe(lines.filter((line) => /^\{"type":"(entry|unsealed)"/.test(line)).length);
  });
});

describe('npm run audit:verify', () => {
  it('verifies the installation that the environment names', async () => {
    const variables = { DATABASE_URL: installation.database.url, AGENTOS_HOME: env.home };
    const { code, stdout } = await auditVerify([], variables);
    expect([code, stdout]).toEqual([0, expect.stringMatching(/The checkpoints reach seal \d+\./)]);
    expect(await auditVerify([], { ...variables, KEYS_DIR: dirname(env.home) })).toMatchObject({ code: 2 });
    expect(await auditVerify(['--nonsense'])).toMatchObject({ code: 2 });
    const away = { ...variables, DATABASE_URL: 'postgres://nobody@127.0.0.1:1/none' };
    expect(await auditVerify([], away)).toMatchObject({ code: 2 });
  });
});

/** Runs the program from its source. */
function auditVerify(
  args: string[],
  variables: Record<string, string> = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  const program = ['-r', '@swc-node/register', join(PROJECT, 'src/up/audit-verify.ts'), ...args];
  const options = { cwd: PROJECT, env: { PATH: process.env.PATH, ...variables } };
  return new Promise((resolve) => {
    const child = execFile(process.execPath, program, options, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode ?? -1, stdout, stderr }),
    );
  });
}
