import type { Arrivals } from './crowd';
import { figure, quantile } from './measure';

/** What feed-stamps.cjs notes in a process; times in milliseconds of the machine's monotonic clock. */
export interface Noted {
  /** Calls that publish an event; `committed` is null if it is of no commit. */
  published: { topic: string; json: string; committed: number | null; published: number }[];
  /** Messages about events, and when each had been written to all of its subscribers. */
  received: { topic: string; json: string; received: number; written: number }[];
  /** Collections of garbage, in milliseconds. */
  gcMs: number[];
  loopMs: { p99: number; max: number };
}

/** One event on its way, and when a subscriber had it. */
export interface Journey {
  committed: number;
  published: number;
  received: number;
  written: number;
  seen: number;
}

/** The parts of the way, in their order. */
const STAGES = {
  'commit to publish': (one: Journey) => one.published - one.committed,
  'publish to the api': (one: Journey) => one.received - one.published,
  'in the api': (one: Journey) => Math.max(0, Math.min(one.written, one.seen) - one.received),
  'to the client': (one: Journey) => Math.max(0, one.seen - one.written),
};
type Stage = keyof typeof STAGES;
const NAMES = Object.keys(STAGES) as Stage[];
const total = (one: Journey): number => one.seen - one.committed;

/**
 * Puts together what the publishing process, the api and the subscribers have noted: of the same events those that are
 * published first are received first, and a connection has what it follows in the order in which it was received. What
 * others publish, or what tells of no commit, is left out.
 *
 * @param topics what each connection follows
 * @throws if something is missing
 */
export function journeys(
  { published }: Pick<Noted, 'published'>,
  { received }: Pick<Noted, 'received'>,
  arrivals: Arrivals,
  topics: readonly ReadonlySet<string>[],
): Journey[] {
  const calls = new Map<string, Noted['published']>();
  const keyOf = ({ topic, json }: { topic: string; json: string }): string => `${topic} ${json}`;
  for (const call of published) {
    const same = calls.get(keyOf(call));
    if (same) same.push(call);
    else calls.set(keyOf(call), [call]);
  }
  const events = received.map((event) => {
    const call = calls.get(keyOf(event))?.shift();
    return { ...event, committed: call?.committed ?? Number.NaN, published: call?.published ?? Number.NaN };
  });
  const seen = topics.map((): number[] => []);
  arrivals.times.forEach((time, index) => seen[arrivals.of[index] ?? 0]?.push(time));
  return topics.flatMap((follows, connection) => {
    const mine = events.filter(({ topic }) => follows.has(topic));
    const times = seen[connection] ?? [];
    if (times.length !== mine.length)
      throw new Error(`connection ${connection} had ${times.length} frames of ${mine.length}`);
    return mine
      .map((event, n) => ({ ...event, seen: times[n] ?? Number.NaN }))
      .filter(({ committed }) => !Number.isNaN(committed));
  });
}

/** How long the whole way took, each part of it, and which part was the longest where the way was the longest. */
export function breakdown(all: readonly Journey[]): string[] {
  const line = (name: string, of: (one: Journey) => number): string => {
    const values = all.map(of);
    return `${name}: ${[0.5, 0.95, 0.99, 1].map((share) => `p${share * 100} ${figure(quantile(values, share))}`).join(', ')} ms`;
  };
  const slow = [...all].sort((a, b) => total(b) - total(a)).slice(0, Math.ceil(all.length / 20));
  const longest = (one: Journey): Stage =>
    NAMES.reduce((most, name) => (STAGES[name](one) > STAGES[most](one) ? name : most));
  const culprits = NAMES.map((name) => {
    const share = slow.filter((one) => longest(one) === name).length / slow.length;
    return `${name} ${figure(100 * share)}%`;
  });
  return [
    line('effect to eyes', total),
    ...NAMES.map((name) => line(`  ${name}`, STAGES[name])),
    `  longest part of the slowest 5%: ${culprits.join(', ')}`,
  ];
}
