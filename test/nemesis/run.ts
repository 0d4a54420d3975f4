import { setTimeout as delay } from 'node:timers/promises';
import { Arena } from './arena/arena';
import { check, type Findings } from './checker/check';
import { type Evidence, gather } from './evidence';
import type { Fault } from './faults/fault';
import { storm } from './faults/nemesis';
import { History } from './history';
import { openLedger } from './ledger';
import { askAgain, settle } from './quiescence';
import { Random } from './random';
import { Clients } from './workload/clients';

/** How long clients get for their last answers after the storm, in milliseconds. */
const LAST_ANSWERS_MS = 60_000;
/** Before the storm, so that something is under way, in milliseconds. */
const CALM_BEFORE_MS = 1_000;

/** What is broken. */
const INSTALLATION = { apis: 2, managers: 2, workers: 1, leaseS: 5 };

/** What a run is made of. */
export interface Plan {
  clients: number;
  seed: number;
  /** How long things are broken, at most, in milliseconds. */
  stormMs: number;
  /** What is done, one after the other, until the time is up. */
  faults(random: Random): Iterable<Fault>;
  /** Told what goes on. */
  say(text: string): void;
}

/** What a run came to. */
export interface RunResult extends Findings {
  evidence: Evidence;
  /** The last lines of all processes. */
  logs: string;
}

/**
 * Breaks an installation while clients use it, waits until it is at rest, and looks whether anything was doubled,
 * lost or left off the record. Ends all that it started. Aborting `stop` ends the storm early.
 */
export async function runNemesis(plan: Plan, stop: AbortSignal): Promise<RunResult> {
  plan.say('starting 2 apis, 2 managers and a worker on a Postgres and a Redis of their own');
  const arena = await Arena.start(INSTALLATION);
  try {
    const history = new History();
    const clients = await Clients.prepare(arena, plan.clients, history);
    await openLedger(arena.query);
    return await breakAndCheck(plan, { arena, clients, history }, stop);
  } finally {
    await arena.stop();
  }
}

/** An installation, and who uses it. */
export interface Scene {
  arena: Arena;
  clients: Clients;
  /** Of all clients, from the opening of the ledger on. */
  history: History;
}

/** The same in an installation that is there: what it comes to is about all that ever happened there. */
export async function breakAndCheck(plan: Plan, scene: Scene, stop: AbortSignal): Promise<RunResult> {
  const { arena, clients, history } = scene;
  const random = new Random(plan.seed);
  await unleash(plan, scene, { random, stop });
  plan.say('waiting until everything is at rest');
  await settle(arena, history);
  plan.say('asking again for what succeeded');
  await askAgain(clients, history, random.fork());
  const evidence = await gather(arena, history, clients.stock.made);
  plan.say(`checking ${evidence.orders.length} orders`);
  return { ...check(evidence), evidence, logs: arena.logs() };
}

async function unleash(
  plan: Plan,
  { arena, clients, history }: Scene,
  { random, stop }: { random: Random; stop: AbortSignal },
): Promise<void> {
  const over = new AbortController();
  const timer = setTimeout(() => over.abort(), CALM_BEFORE_MS + plan.stormMs);
  stop.addEventListener('abort', () => over.abort());
  const giveUp = new AbortController();
  const faults = random.fork();
  plan.say(`${plan.clients} clients are at work; things break for at most ${plan.stormMs / 1_000} s`);
  const working = clients.work(random.fork(), { until: over.signal, giveUp: giveUp.signal });
  await delay(CALM_BEFORE_MS);
  await storm(arena, plan.faults(faults), { random: faults, records: history.faults, until: over.signal });
  clearTimeout(timer);
  over.abort();
  plan.say('the storm is over; waiting for the last answers');
  await arena.ready();
  const patience = setTimeout(() => giveUp.abort(), LAST_ANSWERS_MS);
  await working;
  clearTimeout(patience);
}
