import { signIn, makeUser, saveSettings, TEST_SETTINGS } from '../test/support/users';
import { DATABASE, type BreakableCluster, startBreakable } from '../test/support/private-servers';
import { type ActionLoad, type ActionServer, loadActions, startServer, warmUp } from './action-servers';
import { figure, median, pin, spread } from './measure';

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 2);
const USERS = 16;
/** For the api process, such as what it takes to profile it. */
const NODE_OPTIONS = process.env['BENCH_NODE_OPTIONS'] ?? '';

/** The tables of the floor and of the naive form, with the indexes that such tables have. */
const TABLES = `
CREATE TABLE bench_audit (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, rid uuid NOT NULL UNIQUE, at timestamptz NOT NULL DEFAULT now(),
  actor text NOT NULL, action text NOT NULL, queue text NOT NULL, params jsonb NOT NULL,
  state text NOT NULL DEFAULT 'intent', outcome jsonb, done_at timestamptz
);
CREATE INDEX ON bench_audit (at);
CREATE TABLE bench_queues (name text PRIMARY KEY, paused boolean NOT NULL DEFAULT false);
GRANT ALL ON bench_audit, bench_queues TO PUBLIC;
`;

const QUEUES = ['inspector', 'normaliser', 'audio-analyst', 'packager', 'clip-renderer'];
const act = (action: string, queue: string) => ({ action, payload: { queue } });

/** What is asked for. Both have an effect of one statement to Postgres and one command to Redis at least. */
const WORKLOADS: Record<string, object[]> = {
  // Finds nothing to change: the pipeline itself, with the least of an effect.
  'queue.resume': [act('queue.resume', 'packager')],
  // Changes a row each time or nearly: a commit of the effect besides those of the pipeline.
  'queue.pause and queue.resume in turn': QUEUES.flatMap((queue) => [
    act('queue.pause', queue),
    act('queue.resume', queue),
  ]),
};

type Figures = Record<'c1' | 'c32', ActionLoad[]>;
type Measured = 'perS' | 'p50' | 'p99' | 'cpuUs' | 'behindUs';

describe('an action through the whole pipeline', () => {
  let broken: BreakableCluster;
  const servers: (ActionServer & { stop?: () => void })[] = [];

  beforeAll(async () => {
    broken = await startBreakable({
      durable: true,
      apis: 1,
      workers: 0,
      managers: 0,
      variables: { LOG_LEVEL: 'warn', NODE_OPTIONS: NODE_OPTIONS },
    });
    const { cluster, postgres, redis } = broken;
    await cluster.query(TABLES);
    await cluster.query('INSERT INTO bench_queues SELECT unnest($1::text[])', [QUEUES]);
    const limits = Object.fromEntries(
      Object.keys(TEST_SETTINGS.rate_limits).map((name) => [name, 1_000_000]),
    );
    await saveSettings(cluster, { rate_limits: limits, auth: { access_token_s: 3_600 } });
    const tokens: string[] = [];
    for (let i = 0; i < USERS; i++) {
      const user = await makeUser(cluster, 'operator');
      tokens.push((await signIn(cluster.http(), user)).access_token);
    }
    const url = postgres.appUrl(DATABASE);
    const behind = [postgres.pid ?? 0, redis.pid ?? 0];
    servers.push({ ...(await startServer('floor', 'action-floor.cjs', [url, '32'])), behind });
    servers.push({ ...(await startServer('naive', 'naive-server.ts', [url, redis.url, '10'])), behind });
    const api = cluster.apis[0]?.pid ?? 0;
    pin(api);
    servers.push({ name: 'ours', url: `${cluster.url()}/api/admin/action`, pid: api, tokens, behind });
  }, 180_000);

  afterAll(async () => {
    for (const server of servers) server.stop?.();
    await broken?.stop();
  });

  it.each(Object.keys(WORKLOADS))(
    '%s',
    async (workload) => {
      const bodies = WORKLOADS[workload] ?? [];
      const figures = new Map<string, Figures>(servers.map((server) => [server.name, { c1: [], c32: [] }]));
      for (const server of servers) await warmUp(server, bodies);
      for (let round = 0; round < ROUNDS; round++) {
        for (const server of round % 2 ? [...servers].reverse() : servers) {
          for (const connections of [1, 32] as const) {
            const load = await loadActions(server, { bodies, connections, seconds: SECONDS });
            expect(load.statuses).toEqual({ 200: load.count });
            figures.get(server.name)?.[`c${connections}`].push(load);
          }
        }
        await broken.cluster.query('CHECKPOINT');
      }
      print(workload, figures);
    },
    1_200_000,
  );
});

function print(workload: string, figures: Map<string, Figures>): void {
  const of = (name: string, c: keyof Figures, key: Measured) =>
    (figures.get(name)?.[c] ?? []).map((load) => load[key]);
  const ratio = (name: string, to: string, c: keyof Figures, key: Measured) => {
    const others = of(to, c, key);
    return spread(of(name, c, key).map((value, round) => value / (others[round] ?? Number.NaN)));
  };
  const lines = [`${workload}: ${ROUNDS} rounds of ${SECONDS} s, median [least..most]`];
  for (const name of figures.keys()) {
    lines.push(
      [
        name.padEnd(6),
        `c32 ${spread(of(name, 'c32', 'perS'))} req/s, p50 ${figure(median(of(name, 'c32', 'p50')))} ms, p99 ${spread(of(name, 'c32', 'p99'))} ms`,
        `Node CPU ${spread(of(name, 'c32', 'cpuUs'))} us, Postgres and Redis ${spread(of(name, 'c32', 'behindUs'))} us`,
        `c1 p50 ${spread(of(name, 'c1', 'p50'))} ms, p99 ${figure(median(of(name, 'c1', 'p99')))} ms, CPU ${figure(median(of(name, 'c1', 'cpuUs')))} us`,
      ].join('; '),
    );
  }
  for (const to of ['floor', 'naive'])
    lines.push(
      `ours to ${to}: req/s c32 ${ratio('ours', to, 'c32', 'perS')}, p99 c32 ${ratio('ours', to, 'c32', 'p99')}, ` +
        `p50 c1 ${ratio('ours', to, 'c1', 'p50')}, CPU c32 ${ratio('ours', to, 'c32', 'cpuUs')}`,
    );
  process.stderr.write(`${lines.join('\n')}\n`);
}
