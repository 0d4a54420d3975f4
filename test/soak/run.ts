import { setTimeout as delay } from 'node:timers/promises';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { Arena } from '../nemesis/arena/arena';
import { History } from '../nemesis/history';
import { Random } from '../nemesis/random';
import { Clients } from '../nemesis/workload/clients';
import { Crowd } from './crowd';

/** Users whose tokens subscribers share. */
const USERS = 10;
/** How long clients get for their last answers, in milliseconds. */
const LAST_ANSWERS_MS = 30_000;
/** Every so many ends of a process, one is orderly; the others are kill -9. */
const ORDERLY_EVERY = 4;

/** What a soak is made of. */
export interface SoakPlan {
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
  connections: number;
  kills: string[];
  orders: number;
  /** The last lines of all processes. */
  logs: string;
}

/**
 * Lets subscribers follow the feed of two api processes while actions and jobs run, cuts their connections at random
 * and ends a process now and then. Then looks whether each has heard every event once and has the same state. Ends all
 * that it started. Aborting `stop` ends it early.
 */
export async function runSoak(plan: SoakPlan, stop: AbortSignal): Promise<SoakResult> {
  const { workers, managers } = plan;
  plan.say(`starting 2 apis, ${managers} managers and ${workers} workers`);
  const arena = await Arena.start({ apis: 2, managers, workers, leaseS: 5 });
  try {
    return await soak(plan, arena, stop);
  } finally {
    await arena.stop();
  }
}

async function soak(plan: SoakPlan, arena: Arena, stop: AbortSignal): Promise<SoakResult> {
  const random = new Random(plan.seed);
  const history = new History();
  const clients = await Clients.prepare(arena, plan.clients, history);
  const tokens: string[] = [];
  for (let i = 0; i < USERS; i++) tokens.push((await arena.person('operator')).apis[0]?.token ?? '');
  const crowd = new Crowd(plan.subscribers, { gateways: arena.gateways, tokens }, random.fork());
  try {
    await crowd.open();
    plan.say(`${plan.subscribers} subscribers follow; ${plan.durationMs / 1_000} s begin`);
    const over = new AbortController();
    const timer = setTimeout(() => over.abort(), plan.durationMs);
    stop.addEventListener('abort', () => over.abort());
    const giveUp = new AbortController();
    const working = clients.work(random.fork(), { until: over.signal, giveUp: giveUp.signal });
    const cutting = crowd.cut(random.fork(), over.signal);
    const kills = await killNowAndThen(plan, arena, random.fork(), over.signal);
    clearTimeout(timer);
    await cutting;
    await arena.ready();
    const patience = setTimeout(() => giveUp.abort(), LAST_ANSWERS_MS);
    await working;
    clearTimeout(patience);
    // Only a manager builds the read model when nobody asks for it.
    for (const manager of arena.managers) await manager.release();
    for (const manager of arena.managers) await manager.kill();
    plan.say('comparing what they have');
    return await compare(arena, crowd, kills, history.orders.length);
  } finally {
    crowd.close();
  }
}

async function killNowAndThen(
  { killEveryMs, say }: SoakPlan,
  arena: Arena,
  random: Random,
  until: AbortSignal,
): Promise<string[]> {
  const kills: string[] = [];
  const places = [...arena.apis, ...arena.managers];
  for (;;) {
    await delay(killEveryMs, undefined, { signal: until }).catch(() => undefined);
    if (until.aborted) return kills;
    const up = places.filter((place) => place.up);
    if (up.length < places.length) continue;
    const victim = random.pick(up);
    const orderly = kills.length % ORDERLY_EVERY === ORDERLY_EVERY - 1;
    say(`${orderly ? 'restart' : 'kill -9'} of ${victim.name}`);
    if (orderly) await victim.restart();
    else await victim.kill();
    kills.push(victim.name);
  }
}

async function compare(arena: Arena, crowd: Crowd, kills: string[], orders: number): Promise<SoakResult> {
  return arena.redisCommand(async (client) => {
    const prefix = arena.environment['REDIS_PREFIX'];
    const redis = { client, key: (...parts: string[]) => [prefix, ...parts].join(':') };
    const feed = new LiveFeed(redis as unknown as RedisService);
    await crowd.finish(feed);
    const hashes = crowd.hashes();
    const violations = [...crowd.violations];
    if (hashes.size !== 1) violations.push(`${hashes.size} different states in the end`);
    for (const { name, end } of arena.crashes) violations.push(`${name} ended by itself: ${end}`);
    const topics = [];
    for (const [topic, { delivered, resumed }] of crowd.books)
      topics.push({ topic, published: (await feed.position(topic)).offset, delivered, resumed });
    return { violations, topics, connections: crowd.connections, kills, orders, logs: arena.logs() };
  });
}
