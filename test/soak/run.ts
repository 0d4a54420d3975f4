import { LiveFeed } from '../../src/platform/feed/live-feed';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { Arena } from '../nemesis/arena/arena';
import { History } from '../nemesis/history';
import { Random } from '../nemesis/random';
import { Clients } from '../nemesis/workload/clients';
import { Crowd } from './crowd';
import { type JobPlan, type JobResult, JobScene } from './jobs/job-scene';
import { killNowAndThen } from './kills';

/** Staff whose tokens subscribers share. */
const USERS = 10;
/** How long clients get for their last answers, in milliseconds. */
const LAST_ANSWERS_MS = 30_000;

/** What a soak is made of. */
export interface SoakPlan extends JobPlan {
  subscribers: number;
  /** Who place orders. */
  clients: number;
  workers: number;
  managers: number;
  seed: number;
  durationMs: number;
  killEveryMs: number;
  /** Told what goes on. */
  say(text: string): void;
}

/** What a soak came to. */
export interface SoakResult {
  violations: string[];
  /** By topic: the events published, what was delivered of them, and how often a subscription went on. */
  topics: { topic: string; published: number; delivered: number; resumed: number }[];
  jobs: JobResult;
  /** Subscriptions of topics of jobs. */
  jobSubscriptions: number;
  connections: number;
  kills: string[];
  orders: number;
  /** The last lines of all processes. */
  logs: string;
}

/** What acts in a soak. */
interface Cast {
  arena: Arena;
  crowd: Crowd;
  clients: Clients;
  jobs: JobScene;
  history: History;
  /** Aborted when the most patient client gives up. */
  giveUp: AbortController;
}

/**
 * Lets subscribers follow the feed of two api processes while actions and jobs run, cuts their connections at random
 * and ends a process now and then. Then looks whether each has heard every event once and has the same state, and
 * whether each job has ended once, and as its followers were told. Ends all that it started. Aborting `stop` ends it
 * early.
 */
export async function runSoak(plan: SoakPlan, stop: AbortSignal): Promise<SoakResult> {
  const { workers, managers } = plan;
  plan.say(`starting 2 apis, ${managers} managers and ${workers} workers`);
  const arena = await Arena.start({ apis: 2, managers, workers, leaseS: 5 });
  try {
    const random = new Random(plan.seed);
    const cast = await prepare(plan, arena, random);
    try {
      await cast.crowd.open();
      plan.say(`${plan.subscribers} subscribers follow; ${plan.durationMs / 1_000} s begin`);
      const kills = await act(plan, cast, random, stop);
      return await compare(cast, kills);
    } finally {
      cast.crowd.close();
    }
  } finally {
    await arena.stop();
  }
}

async function prepare(plan: SoakPlan, arena: Arena, random: Random): Promise<Cast> {
  const history = new History();
  const giveUp = new AbortController();
  const clients = await Clients.prepare(arena, plan.clients, history);
  const tokens: string[] = [];
  for (let i = 0; i < USERS; i++) tokens.push((await arena.person('operator')).apis[0]?.token ?? '');
  const jobs = await JobScene.prepare(arena, plan, {
    random: random.fork(),
    history,
    giveUp: giveUp.signal,
    onAccepted: (id) => crowd.followJob(id),
  });
  const place = { gateways: arena.gateways, tokens, ownerToken: jobs.ownerToken };
  const crowd = new Crowd(plan.subscribers, place, random.fork());
  return { arena, crowd, clients, jobs, history, giveUp };
}

/** @returns the names of the processes that were ended */
async function act(plan: SoakPlan, cast: Cast, random: Random, stop: AbortSignal): Promise<string[]> {
  const { arena, crowd, clients, jobs, giveUp } = cast;
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), plan.durationMs);
  stop.addEventListener('abort', () => over.abort());
  const working = Promise.all([
    clients.work(random.fork(), { until: over.signal, giveUp: giveUp.signal }),
    jobs.work(plan, over.signal),
  ]);
  const cutting = crowd.cut(random.fork(), over.signal);
  const kills = await killNowAndThen(plan, arena, random.fork(), over.signal);
  clearTimeout(timer);
  await cutting;
  await arena.ready();
  const patience = setTimeout(() => giveUp.abort(), LAST_ANSWERS_MS);
  await working;
  plan.say('waiting for the last jobs');
  await jobs.finish(crowd.news);
  clearTimeout(patience);
  // Only a manager builds the read model when nobody asks for it.
  for (const manager of arena.managers) await manager.release();
  for (const manager of arena.managers) await manager.kill();
  plan.say('comparing what they have');
  return kills;
}

async function compare({ arena, crowd, jobs, history }: Cast, kills: string[]): Promise<SoakResult> {
  return arena.redisCommand(async (client) => {
    const prefix = arena.environment['REDIS_PREFIX'];
    const redis = { client, key: (...parts: string[]) => [prefix, ...parts].join(':') };
    const feed = new LiveFeed(redis as unknown as RedisService);
    await crowd.finish(feed);
    const hashes = crowd.hashes();
    const ofJobs = await jobs.check(crowd.news);
    const violations = [...crowd.violations, ...ofJobs.violations];
    if (hashes.size !== 1) violations.push(`${hashes.size} different states in the end`);
    for (const { name, end } of arena.crashes) violations.push(`${name} ended by itself: ${end}`);
    const topics = [];
    for (const [topic, { delivered, resumed }] of crowd.books)
      topics.push({ topic, published: (await feed.position(topic)).offset, delivered, resumed });
    const { connections, jobSubscriptions } = crowd;
    const counts = { connections, jobSubscriptions, orders: history.orders.length };
    return { violations, topics, jobs: ofJobs, kills, ...counts, logs: arena.logs() };
  });
}
