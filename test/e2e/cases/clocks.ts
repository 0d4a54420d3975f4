import { join } from 'node:path';
import type { Cluster } from '../../support/cluster';
import { eventually, undisturbed } from '../../support/eventually';
import type { Answer, HttpClient } from '../../support/http-client';
import { PROJECT } from '../../support/process';
import { makeUser, saveSettings, signIn, TEST_SETTINGS, type TestUser } from '../../support/users';

const FIVE_MINUTES_MS = 300_000;

/** Processes whose clocks are five minutes apart; the last one stops before the others. */
export function clocks(running: () => Cluster): void {
  let cluster: Cluster;
  let wrong: number;

  beforeAll(async () => {
    cluster = running();
    await cluster.startApi(undefined, {
      NODE_OPTIONS: `--require ${JSON.stringify(join(PROJECT, 'test/support/shifted-clock.cjs'))}`,
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

  afterAll(() => saveSettings(cluster));

  const statusAt = async (token: string, api: number): Promise<number> =>
    (await cluster.http(api).as(token).get('/api/jobs/history')).status;
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
    // The burst has one more each two and a half seconds: on a machine that needs as long, somebody else tries.
    const verdicts = (apis: number[]) =>
      undisturbed(2_400, async () => {
        const { client } = await cluster.user('operator');
        const answers: Answer[] = [];
        for (let i = 0; i < 12; i++) answers.push(await resume(client, apis[i % apis.length] ?? 0));
        return answers.map(verdictOf);
      });
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

  it('go on when one of them stops gently', async () => {
    const leaving = cluster.apis[wrong];
    await leaving?.stop();
    expect(leaving?.running).toBe(false);
    await eventually(async () => expect((await cluster.http(0).get('/health/ready')).status).toBe(200));
  });
}
