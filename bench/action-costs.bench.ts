import { AccessTokens } from '../src/user-api/auth/access-tokens';
import type { SigningKeys } from '../src/platform/security/signing-keys';
import { generateKeyPairSync } from 'node:crypto';
import { type BreakableCluster, startBreakable } from '../test/support/private-servers';
import { makeUser, saveSettings, signIn, TEST_SETTINGS } from '../test/support/users';
import { type ActionServer, loadActions, warmUp } from './action-servers';
import { figure, median, pin } from './measure';

const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2);
const RESUME = { action: 'queue.resume', payload: { queue: 'packager' } };
const PAUSE = { action: 'queue.pause', payload: { queue: 'packager' } };
const say = (text: string): void => {
  process.stderr.write(`${text}\n`);
};

interface Explained {
  explain: { stage: string; ms: number }[];
  response_time_ms: number;
}

describe('what parts of an action cost', () => {
  let broken: BreakableCluster;
  let server: ActionServer;
  const as: Record<string, string> = {};

  beforeAll(async () => {
    broken = await startBreakable({
      durable: true,
      apis: 1,
      workers: 0,
      managers: 0,
      variables: { LOG_LEVEL: 'warn' },
    });
    const { cluster } = broken;
    const limits = Object.fromEntries(
      Object.keys(TEST_SETTINGS.rate_limits).map((name) => [name, 1_000_000]),
    );
    const once = { kind: 'sliding', limit: 1, window_s: 3_600 };
    await saveSettings(cluster, { rate_limits: { ...limits, actions: { 'queue.pause': once } } });
    for (const role of ['operator', 'readonly'] as const)
      as[role] = (await signIn(cluster.http(), await makeUser(cluster, role))).access_token;
    const pid = cluster.apis[0]?.pid ?? 0;
    pin(pid);
    server = { name: 'ours', url: `${cluster.url()}/api/admin/action`, pid, tokens: [as['operator'] ?? ''] };
  }, 180_000);

  afterAll(() => broken?.stop());

  /** Rows that anybody has inserted, updated or deleted in the database. */
  async function writes(): Promise<number> {
    const [row] = await broken.cluster.query<{ n: string }>(
      'SELECT sum(n_tup_ins + n_tup_upd + n_tup_del) AS n FROM pg_stat_user_tables',
    );
    return Number(row?.n);
  }

  /** What has been written counts a moment after it was: sessions report at most once a second. */
  const settled = () => new Promise((resolve) => setTimeout(resolve, 2_500));

  it.each([
    ['401', 'not.a.token', RESUME],
    ['403', 'readonly', RESUME],
    ['429', 'operator', PAUSE],
  ])(
    'a flood of %s writes next to nothing',
    async (status, token, body) => {
      await loadActions(
        { ...server, tokens: [as[token] ?? token] },
        { bodies: [body], connections: 1, seconds: 0.2 },
      );
      await settled();
      const before = await writes();
      const load = await loadActions(
        { ...server, tokens: [as[token] ?? token] },
        { bodies: [body], connections: 32, seconds: SECONDS },
      );
      await settled();
      const written = (await writes()) - before;
      say(
        `${status}: ${load.count} denied, ${figure(load.perS)}/s, ${figure(load.cpuUs)} us, ${written} rows written`,
      );
      expect(load.statuses).toEqual({ [status]: load.count });
      expect(written).toBeLessThan(load.count / 10);
    },
    60_000,
  );

  it('a replay costs a part of what the first run did', async () => {
    const options = { bodies: [RESUME], connections: 32, seconds: SECONDS };
    for (let round = 0; round < 3; round++) {
      const first = await loadActions(server, options);
      const replayed = await loadActions(server, { ...options, replay: true });
      say(
        `replays: ${figure(replayed.perS / first.perS)} x the requests/s of first runs, ` +
          `CPU ${figure(replayed.cpuUs / first.cpuUs)}, p50 ${figure(replayed.p50 / first.p50)}`,
      );
    }
  }, 60_000);

  it.each([0, 31])(
    'says where the time goes, with %d others in flight',
    async (others) => {
      await warmUp(server, [RESUME]);
      const load = others && loadActions(server, { bodies: [RESUME], connections: others, seconds: 10 });
      const times = new Map<string, number[]>();
      const add = (stage: string, ms: number) => times.set(stage, [...(times.get(stage) ?? []), ms]);
      for (let i = 0; i < 200; i++) {
        const { body } = await broken.cluster
          .http()
          .as(as['operator'] ?? '')
          .post('/api/admin/action', { ...RESUME, options: { explain: true } });
        const { explain, response_time_ms } = body as unknown as Explained;
        for (const { stage, ms } of explain) add(stage, ms);
        add('all until the outcome', response_time_ms);
      }
      await load;
      const stages = [...times].map(([stage, ms]) => `${stage} ${figure(median(ms))} ms`);
      say(`${others} others in flight: ${stages.join(', ')}`);
    },
    300_000,
  );

  it('a repeated token costs less than 2 % of a fresh verification', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519');
    const key = { kid: 'A'.repeat(16), privateKey, publicKey };
    const keys = { signing: () => key, find: () => key, lookUp: () => Promise.resolve(key) };
    const tokens = new AccessTokens(keys as unknown as SigningKeys);
    const issued = await Promise.all(Array.from({ length: 300 }, () => tokens.issue('user', 'session', 600)));
    const timed = async (rounds: number): Promise<number> => {
      const startedAt = performance.now();
      for (let round = 0; round < rounds; round++) for (const token of issued) await tokens.verify(token);
      return (performance.now() - startedAt) / rounds;
    };
    const fresh = await timed(1);
    await timed(20);
    const repeated = await timed(100);
    say(`a repeated token costs ${figure((100 * repeated) / fresh)} % of a fresh one`);
    expect(repeated).toBeLessThan(fresh / 50);
  });
});
