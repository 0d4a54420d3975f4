import { readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Test, type TestingModule } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { FlowEvents } from '../src/media/flow/flow-events';
import { FlowModule } from '../src/media/flow/flow.module';
import { QueueAdmin } from '../src/media/flow/queues/queue-admin.service';
import { StepClaims } from '../src/media/steps/step-claims';
import { StepSettlement } from '../src/media/steps/step-settlement';
import { LiveFeed } from '../src/platform/feed/live-feed';
import { PlatformModule } from '../src/platform/platform.module';
import { loadEnv } from '../src/platform/settings/env';
import { Cluster } from '../test/support/cluster';
import { eventually } from '../test/support/eventually';
import type { HttpClient } from '../test/support/http-client';
import type { ServiceProcess } from '../test/support/process';
import { makeUser } from '../test/support/users';
import { atRate, type Due } from './at-rate';
import { bareSender, clockMs, Crowd, type Sender } from './crowd';
import { breakdown, journeys, type Noted } from './journeys';
import { cpuMs, figure, quantile } from './measure';
import { stepChanges } from './step-changes';

const PER_S = Number(process.env['BENCH_CHANGES_PER_S'] ?? 100);
const SECONDS = Number(process.env['BENCH_SECONDS'] ?? 10);
const WATCHERS = 50;
/** Subscribers of what is the least, beside them: a message of Redis that is written to each. */
const FLOOR_WATCHERS = 10;
/** What was done before has been told after so long, by the rounds of the dispatcher as well, in milliseconds. */
const QUIET_MS = 1_500;
const STAMPS = join(__dirname, 'feed-stamps.cjs');

describe('a change, from its commit to the eyes of many', () => {
  let cluster: Cluster;
  let api: ServiceProcess;
  let operator: HttpClient;
  let writer: TestingModule;
  let redis: Redis;
  let file: string;
  let noted: () => Noted;

  beforeAll(async () => {
    const variables = { LOG_LEVEL: 'warn' };
    cluster = await Cluster.start({ apis: 0, workers: 0, managers: 0, variables });
    file = join(cluster.folder, 'stamps.json');
    api = await cluster.startApi(undefined, { NODE_OPTIONS: `-r ${STAMPS}`, BENCH_STAMPS: file });
    await cluster.startManager();
    ({ client: operator } = await cluster.user('operator'));
    const stamps = createRequire(__filename)(STAMPS) as { install: (of: object) => () => Noted };
    noted = stamps.install({ LiveFeed, FlowEvents, QueueAdmin });
    const env = loadEnv({ ...cluster.environment, INSTANCE_ID: 'bench' });
    writer = await Test.createTestingModule({ imports: [PlatformModule.forRoot(env), FlowModule] }).compile();
    await writer.init();
    redis = new Redis(cluster.environment['REDIS_URL'] ?? '');
  }, 120_000);

  afterAll(async () => {
    redis?.disconnect();
    await writer?.close();
    await cluster?.stop();
  });

  /** What the api has noted since it was last asked. */
  async function notedByApi(): Promise<Noted> {
    rmSync(file, { force: true });
    api.signal('SIGUSR2');
    return eventually(() => JSON.parse(readFileSync(file, 'utf8')) as Noted);
  }

  /** Subscribers, each of the topics that are given for it. */
  async function watch(topics: readonly string[][]): Promise<Crowd> {
    const crowd = await Crowd.start();
    for (const mine of topics) {
      const hello = [
        { type: 'auth', token: operator.token },
        ...mine.map((topic) => ({ type: 'subscribe', topic })),
      ];
      const port = Number(api.variables['WS_PORT']);
      const sender: Sender = {
        pid: api.pid,
        port,
        path: '/',
        hello: hello.map((frame) => JSON.stringify(frame)),
        quiet: hello.length,
      };
      await crowd.connect(sender, 1);
    }
    return crowd;
  }

  /** The least there is, at the same rate beside the changes: one message of Redis, written to each. */
  async function floor(): Promise<{ run: () => Promise<unknown>; times: () => Promise<number[]> }> {
    const channel = `${cluster.environment['REDIS_PREFIX']}:bench`;
    const bare = await bareSender('redis', 'x'.repeat(200), cluster.environment['REDIS_URL'] ?? '', channel);
    const crowd = await Crowd.start();
    await crowd.connect(bare, FLOOR_WATCHERS);
    await crowd.arm(0);
    const sent: number[] = [];
    const one: Due = {
      lane: '',
      run: () => {
        sent.push(clockMs());
        return redis.publish(channel, '');
      },
    };
    return {
      run: () =>
        atRate(
          PER_S,
          Array.from({ length: PER_S * SECONDS }, () => one),
        ),
      times: async () => {
        const { times } = await eventually(async () => {
          const arrivals = await crowd.arrivals();
          if (arrivals.times.length < sent.length * FLOOR_WATCHERS) throw new Error('not all have come');
          return arrivals;
        });
        crowd.leave();
        bare.stop();
        return times.map((time, n) => time - (sent[Math.floor(n / FLOOR_WATCHERS)] ?? Number.NaN));
      },
    };
  }

  /** @param commits what notes the commits: the process that publishes */
  async function measure(
    name: string,
    changes: readonly Due[],
    topics: readonly string[][],
    commits: 'bench' | 'api',
  ): Promise<void> {
    const crowd = await watch(topics);
    const least = await floor();
    await delay(QUIET_MS);
    await crowd.arm(0);
    await notedByApi();
    noted();
    const cpu = { api: cpuMs(api.pid), bench: cpuMs(process.pid) };
    const [run] = await Promise.all([atRate(PER_S, changes), least.run()]);
    cpu.api = cpuMs(api.pid) - cpu.api;
    cpu.bench = cpuMs(process.pid) - cpu.bench;
    const floorMs = await least.times();
    const [here, there] = [noted(), await notedByApi()];
    const follows = topics.map((mine) => new Set(mine));
    const all = await eventually(async () =>
      journeys(commits === 'bench' ? here : there, there, await crowd.arrivals(), follows),
    );
    crowd.leave();
    const line = (values: number[]): string =>
      [0.5, 0.95, 0.99].map((share) => `p${share * 100} ${figure(quantile(values, share))}`).join(', ');
    process.stderr.write(
      [
        `${name}: ${changes.length} changes, ${figure(run.perS)} a second; late ms ${line(run.lateMs)}; took ms ${line(run.tookMs)}`,
        ...breakdown(all),
        `  beside it, one message of Redis and one write to each: ${line(floorMs)} ms`,
        ...[
          { process: 'bench', its: here, ms: cpu.bench },
          { process: 'api', its: there, ms: cpu.api },
        ].map(
          ({ process: who, its, ms }) =>
            `  ${who}: ${figure(ms / changes.length)} ms of CPU a change; loop delay ms p99 ${figure(its.loopMs.p99)}, ` +
            `max ${figure(its.loopMs.max)}; ${its.gcMs.length} collections, max ms ${figure(Math.max(0, ...its.gcMs))}`,
        ),
        '',
      ].join('\n'),
    );
  }

  it(`steps that are claimed and completed, ${PER_S} a second`, async () => {
    const { id } = await makeUser(cluster);
    const services = {
      claims: writer.get(StepClaims, { strict: false }),
      settlement: writer.get(StepSettlement, { strict: false }),
    };
    const { changes: warmUp } = await stepChanges(cluster, id, services, PER_S);
    await atRate(PER_S, warmUp);
    const { jobs, changes } = await stepChanges(cluster, id, services, PER_S * SECONDS);
    // Each looks at all jobs, and has some of them open.
    const topics = Array.from({ length: WATCHERS }, (_, n) => [
      'jobs',
      ...jobs.filter((_job, index) => index % WATCHERS === n).map((job) => `job:${job}`),
    ]);
    await measure('steps claimed and completed', changes, topics, 'bench');
  }, 120_000);

  it(`queues that are paused and resumed by actions, ${PER_S} a second`, async () => {
    const queues = ['inspector', 'scene-detector', 'clip-renderer', 'quality-gate', 'packager'];
    const toggles = (count: number): Due[] =>
      Array.from({ length: count }, (_, n) => {
        const queue = queues[n % queues.length] ?? '';
        const action = Math.floor(n / queues.length) % 2 === 0 ? 'queue.pause' : 'queue.resume';
        const run = async (): Promise<void> => {
          const { status } = await operator.call('POST', '/api/admin/action', {
            json: { action, payload: { queue } },
          });
          if (status !== 200) throw new Error(`${action} was answered ${status}`);
        };
        return { lane: queue, run };
      });
    await atRate(PER_S, toggles(20 * queues.length));
    await measure(
      'queues paused and resumed',
      toggles(PER_S * SECONDS),
      Array.from({ length: WATCHERS }, () => ['queues']),
      'api',
    );
  }, 120_000);
});
