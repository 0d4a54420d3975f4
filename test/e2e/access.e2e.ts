import { execFile } from 'node:child_process';
import { utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Cluster } from '../support/cluster';
import { eventually } from '../support/eventually';
import type { Answer, HttpClient } from '../support/http-client';
import { makeUser, saveSettings, signIn, TEST_SETTINGS, type TestUser } from '../support/users';

const run = promisify(execFile);
const PROJECT = join(__dirname, '../..');
const FIVE_MINUTES_MS = 300_000;

let cluster: Cluster;

beforeAll(async () => {
  // Everything that is ever logged: what must not be there is looked for.
  cluster = await Cluster.start({ workers: 0, managers: 0, variables: { LOG_LEVEL: 'trace' } });
});
afterAll(() => cluster?.stop());

const kidOf = (token: string): string =>
  (JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as { kid: string }).kid;
const statusAt = async (token: string, api: number): Promise<number> =>
  (await cluster.http(api).as(token).get('/api/jobs/history')).status;

describe('an access token in the address', () => {
  it('is not looked at, and never logged', async () => {
    const { access_token } = await signIn(cluster.http(), await makeUser(cluster, 'user'));
    for (const name of ['access_token', 'token', 'authorization', 'jwt']) {
      const query = `${name}=${encodeURIComponent(access_token)}`;
      expect((await cluster.http().get(`/api/jobs/history?${query}`)).status).toBe(401);
      expect((await cluster.http().post(`/api/nothing?${query}`)).status).toBe(404);
    }
    expect(cluster.apis.map((api) => api.tail(1_000)).join('\n')).not.toContain(access_token.slice(-40));
  });
});

describe('keys', () => {
  const folder = () => join(cluster.folder, 'home', 'keys');
  const rotate = (...args: string[]) =>
    run(process.execPath, ['dist/up/rotate-keys.js', ...args], {
      cwd: PROJECT,
      env: { PATH: process.env['PATH'], KEYS_DIR: folder() },
    });

  it('are rotated under running processes: no token is ever refused, and the old key goes when it is told to', async () => {
    const user = await makeUser(cluster, 'user');
    const before = (await signIn(cluster.http(), user)).access_token;
    const { stdout } = await rotate();
    const kid = /kid ([\w-]+)/.exec(stdout)?.[1];
    expect(stdout).toContain('jwt-0002.pem');
    // From the first second to the last, whoever signs is understood by the other.
    const signers = new Set<string>();
    await eventually(
      async () => {
        for (const api of [0, 1]) {
          const { access_token } = await signIn(cluster.http(api), user);
          expect(await statusAt(access_token, 1 - api)).toBe(200);
          if (kidOf(access_token) === kid) signers.add(`api ${api}`);
        }
        expect(signers.size).toBe(2);
      },
      { timeoutMs: 40_000, intervalMs: 300 },
    );
    expect([await statusAt(before, 0), await statusAt(before, 1)]).toEqual([200, 200]);
    expect((await rotate('--prune')).stdout).toMatch(/^Kept jwt-0001\.pem/m);
    // As if the last token of the old key had expired.
    const longAgo = new Date(Date.now() - 2 * 3_600_000);
    await utimes(join(folder(), 'jwt-0002.pem'), longAgo, longAgo);
    expect((await rotate('--prune')).stdout).toContain('Removed jwt-0001.pem.');
    const { access_token } = await signIn(cluster.http(1), user);
    await eventually(async () => {
      for (const api of [0, 1]) {
        expect(await statusAt(before, api)).toBe(401);
        expect(await statusAt(access_token, api)).toBe(200);
      }
    });
    await eventually(async () =>
      expect(
        await cluster.query(`SELECT count FROM audit_entries WHERE error_code = 'signing_key_added'`),
      ).toEqual([{ count: 1 }]),
    );
  });

  it('are not touched by a command that was mistyped', async () => {
    await expect(rotate('--purge')).rejects.toMatchObject({
      code: 64,
      stdout: expect.stringContaining('Usage') as unknown,
    });
  });
});

describe('processes whose clocks are five minutes apart', () => {
  let wrong: number;

  beforeAll(async () => {
    await cluster.startApi(undefined, {
      NODE_OPTIONS: `--require ${join(PROJECT, 'test/support/shifted-clock.cjs')}`,
      CLOCK_SHIFT_MS: String(FIVE_MINUTES_MS),
    });
    wrong = cluster.apis.length - 1;
    const rate_limits = { ...TEST_SETTINGS.rate_limits, actions_per_minute: 12, risk_standard_per_minute: 6 };
    await saveSettings(cluster, { ...TEST_SETTINGS, rate_limits });
    await eventually(async () => {
      for (const api of [0, 1, wrong])
        expect(
          (await resume((await cluster.user('operator')).client, api)).headers.get('ratelimit-policy'),
        ).toContain('"queue.resume";q=6');
    });
  });

  const resume = (client: HttpClient, api: number) =>
    client.at(cluster.url(api)).action('queue.resume', { queue: 'inspector' });
  const verdictOf = ({ status, body, headers }: Answer) => ({
    verdict: `${status} ${/limit "(.*?)"/.exec(body.error ?? '')?.[1] ?? 'admitted'}`,
    retryAfter: Number(headers.get('retry-after') ?? 0),
  });

  it('are what they are meant to be', async () => {
    const timestamps = await Promise.all(
      [0, wrong].map(
        async (api) => (await resume((await cluster.user('operator')).client, api)).body.timestamp,
      ),
    );
    const [right, shifted] = timestamps.map((at) => Date.parse(at)) as [number, number];
    expect(shifted - right).toBeGreaterThan(FIVE_MINUTES_MS - 60_000);
  });

  it('give the same verdicts about actions as two whose clocks agree', async () => {
    const verdicts = async (apis: number[]) => {
      const { client } = await cluster.user('operator');
      const answers: Answer[] = [];
      for (let i = 0; i < 12; i++) answers.push(await resume(client, apis[i % apis.length] ?? 0));
      return answers.map(verdictOf);
    };
    const [agreeing, apart] = [await verdicts([0, 1]), await verdicts([0, wrong])];
    expect(apart.map(({ verdict }) => verdict).sort()).toEqual(agreeing.map(({ verdict }) => verdict).sort());
    expect(apart.filter(({ verdict }) => verdict === '200 admitted').length).toBeLessThan(7);
    for (const { retryAfter } of [...agreeing, ...apart]) expect(retryAfter).toBeLessThanOrEqual(60);
  });

  it('count wrong passwords together, and understand the tokens of each other', async () => {
    const user: TestUser = await makeUser(cluster, 'user');
    for (const [signer, reader] of [
      [wrong, 0],
      [0, wrong],
    ] as const) {
      const { access_token } = await signIn(cluster.http(signer), user);
      expect(await statusAt(access_token, reader)).toBe(200);
    }
    const guess = (api: number, password = 'wrong') =>
      cluster.http(api).post('/api/auth/login', { email: user.email, password });
    for (let i = 0; i < 5; i++) expect((await guess(i % 2 ? wrong : 0)).status).toBe(401);
    for (const api of [0, wrong]) {
      const locked = await guess(api, user.password);
      expect(locked.body.error_code).toBe('ACCOUNT_LOCKED');
      expect(Number(locked.headers.get('retry-after'))).toBeLessThanOrEqual(900);
    }
  });
});
