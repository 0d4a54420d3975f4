import { createHmac } from 'node:crypto';
import { Redis } from 'ioredis';
import { MessageBus } from '../src/platform/messages/message-bus';
import { SnapshotBuilder } from '../src/ssot/snapshot-builder';
import { writeSeeds } from '../src/up/seed';
import { Cluster } from '../test/support/cluster';
import { createTestDatabase, type TestDatabase } from '../test/support/database';
import { redisForTest, type TestRedis } from '../test/support/redis';
import { bootUserApi } from '../test/support/user-api';
import { TEST_SETTINGS } from '../test/support/users';
import { report } from './load';
import { figure, median, pin, quantile, spread } from './measure';
import { readFrom, type Reads, type ReadServer, startReadServer, warmUpReads } from './read-servers';

const ROUNDS = Number(process.env['READS_ROUNDS'] ?? 5);
const SECONDS = 2;
/** READS_JOBS asks for fewer, for a look. */
const JOBS = Number(process.env['READS_JOBS'] ?? 1_000_000);
const MISSES = 60;
const SECRET = 'a secret that is a text, as one writes it into a file';

const seeds = (jobs: number) => ({
  jobs,
  events: 1_000,
  days: 30,
  seed: 1,
  until: new Date(),
  clean: false,
});

function naiveToken(): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub: 'u1', role: 'admin', exp: 4_102_444_800 })}`;
  return `${text}.${createHmac('sha256', SECRET).update(text).digest('base64url')}`;
}

/** Log messages of this length, as errors have it, make the document about as large as the seeds' is, 55 KB. */
const MESSAGE_LENGTH = 250;
/** More reads than a round can come to. */
const NO_LIMIT = {
  ...TEST_SETTINGS,
  rate_limits: { ...TEST_SETTINGS.rate_limits, admin_read_per_minute: 1_000_000 },
};

describe('hits of the read model', () => {
  let cluster: Cluster;
  let database: TestDatabase;
  let prefixed: TestRedis;

  beforeAll(async () => {
    database = await createTestDatabase();
    prefixed = redisForTest();
    await writeSeeds(database.ownerUrl, { ...seeds(25), events: 100 });
    await database.query(`UPDATE system_events SET message = rpad(message, $1, ' and so on')`, [
      MESSAGE_LENGTH,
    ]);
    const installation = {
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      redisUrl: prefixed.url,
      redisPrefix: prefixed.prefix,
      query: <T>(sql: string, params?: unknown[]) => database.query<T>(sql, params),
    };
    cluster = await Cluster.start({
      apis: 1,
      workers: 0,
      variables: { LOG_LEVEL: 'warn' },
      installation,
      settings: NO_LIMIT,
    });
  }, 180_000);
  afterAll(async () => {
    await cluster?.stop();
    await prefixed?.close();
    await database?.drop();
  });

  it('cost little more than bare node:http', async () => {
    const { client } = await cluster.user('operator');
    const first = await client.get('/api/admin/ssot', { 'accept-encoding': 'identity' });
    const redis = new Redis(prefixed.url);
    const [api] = cluster.apis;
    if (!api) throw new Error('no api');
    pin(api.pid);
    const key = `${prefixed.prefix}:admin:dashboard:v4`;
    await redis.set('bench:document', (await redis.get(key)) ?? '');
    const floor = await startReadServer('floor.cjs', [String(first.bytes.length)]);
    const naive = await startReadServer('seed-design.ts', [prefixed.url, 'bench:document', SECRET]);
    /** Everybody has a limit of reads: each round is somebody else's. */
    const serversOf = async (): Promise<Record<string, ReadServer>> => {
      const { client: somebody } = await cluster.user('operator');
      const product = (headers: Record<string, string>): ReadServer => ({
        url: `${cluster.url()}/api/admin/ssot`,
        pid: api.pid,
        headers: { authorization: `Bearer ${somebody.token ?? ''}`, ...headers },
      });
      return {
        bare: floor,
        plain: product({}),
        'not modified': product({ 'if-none-match': '*' }),
        brotli: product({ 'accept-encoding': 'br' }),
        seeds: { ...naive, headers: { authorization: `Bearer ${naiveToken()}` } },
      };
    };
    const runs: Record<string, Reads[]> = {};
    const single: Record<string, Reads[]> = {};
    for (const [name, server] of Object.entries(await serversOf()))
      if (name === 'seeds') await readFrom(server, { connections: 64, seconds: 4 });
      else await warmUpReads(server);
    const before = await commands(redis);
    let hits = 0;
    for (let round = 0; round < ROUNDS; round += 1)
      for (const [name, server] of Object.entries(await serversOf())) {
        const reads = await readFrom(server, { connections: 64, seconds: SECONDS });
        (runs[name] ??= []).push(reads);
        if (server.pid === api.pid) hits += reads.count;
        if (name === 'bare' || name === 'plain')
          (single[name] ??= []).push(await readFrom(server, { connections: 1, seconds: SECONDS }));
      }
    const got =
      (await commands(redis)) - before - (runs['seeds'] ?? []).reduce((sum, { count }) => sum + count, 0);
    const ratio = (of: (round: number) => number) =>
      spread(Array.from({ length: ROUNDS }, (_, round) => of(round)));
    const at = (name: string, round: number) => runs[name]?.[round] as Reads;
    report('a hit', {
      bytes: first.bytes.length,
      'CPU us bare': figure(median(runs['bare']?.map((r) => r.cpuUs) ?? [])),
    });
    for (const name of ['bare', 'plain', 'not modified', 'brotli'])
      report(name, {
        'CPU share of bare 200': ratio((round) => at('bare', round).cpuUs / at(name, round).cpuUs),
        'requests/s of bare': ratio((round) => at(name, round).perS / at('bare', round).perS),
        'requests/s of the seeds design': ratio((round) => at(name, round).perS / at('seeds', round).perS),
        'CPU of the seeds design': ratio((round) => at('seeds', round).cpuUs / at(name, round).cpuUs),
      });
    report('one connection', {
      'p50 of bare': ratio(
        (round) => (single['plain']?.[round]?.p50Ms ?? 0) / (single['bare']?.[round]?.p50Ms ?? 0),
      ),
      'requests/s of bare': ratio(
        (round) => (single['plain']?.[round]?.perS ?? 0) / (single['bare']?.[round]?.perS ?? 1),
      ),
    });
    report('Redis', { hits, 'GET and GETRANGE commands besides the seeds design': got });
    floor.stop();
    naive.stop();
    redis.disconnect();
  }, 600_000);
});

/** How often anything was read from Redis, as it tells. */
async function commands(redis: Redis): Promise<number> {
  const text = await redis.info('commandstats');
  return [...text.matchAll(/^cmdstat_(?:get|getrange|mget):calls=(\d+)/gm)].reduce(
    (sum, [, calls]) => sum + Number(calls),
    0,
  );
}

describe('misses of the read model', () => {
  it.each([10_000, JOBS])(
    'with %d jobs',
    async (jobs) => {
      const api = await bootUserApi();
      try {
        const rows = await writeSeeds(api.database.ownerUrl, seeds(jobs));
        await api.database.query('VACUUM ANALYZE jobs, steps, clips, uploads, rollups, system_events');
        const { client } = await api.user('operator');
        const builder = api.get(SnapshotBuilder);
        const bus = api.get(MessageBus);
        const [builds, reads]: [number[], number[]] = [[], []];
        for (let i = 0; i < MISSES; i += 1) {
          let started = performance.now();
          await builder.build(i + 1, undefined);
          builds.push(performance.now() - started);
          await bus.publish('ssot.invalidate', { reason: 'bench' });
          started = performance.now();
          const answer = await client.get('/api/admin/ssot');
          if (answer.headers.get('x-cache') === 'miss') reads.push(performance.now() - started);
        }
        const warm = builds.slice(10);
        report(`${jobs} jobs, ${rows['steps'] ?? 0} steps`, {
          'build p50 ms': median(warm),
          'build p95 ms': quantile(warm, 0.95),
          'miss over HTTP p50 ms': median(reads),
          'miss over HTTP p95 ms': quantile(reads, 0.95),
          misses: reads.length,
        });
      } finally {
        await api.close();
      }
    },
    1_500_000,
  );
});
