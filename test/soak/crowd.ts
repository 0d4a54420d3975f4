import { setTimeout as delay } from 'node:timers/promises';
import { hashOfState } from '../../src/gateway/client/state-copy';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import type { Random } from '../nemesis/random';
import { eventually } from '../support/eventually';
import { Book } from './book';
import { STATE_TOPIC, Subscriber } from './subscriber';

/** What every subscriber follows. */
const TOPICS = [STATE_TOPIC, 'jobs', 'executions', 'queues', 'workers'];
/** How often a connection is cut, on average, in milliseconds. */
const CUT_EVERY_MS = 20_000;
/** Between two looks at who is cut next, in milliseconds. */
const TICK_MS = 100;
/** One in so many compares every state with its hash, which costs a core some milliseconds each. */
const VERIFIES_EVERY = 50;
/** How long a crowd may take to begin, and to have all that there was in the end, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Where a crowd connects to. */
export interface CrowdPlace {
  /** Of all gateways, up or not. */
  gateways: readonly string[];
  /** Access tokens, one for each user. */
  tokens: readonly string[];
}

/** All subscribers of a soak. */
export class Crowd {
  readonly books = new Map(TOPICS.map((topic) => [topic, new Book(topic)]));
  private readonly subscribers: Subscriber[];

  constructor(count: number, { gateways, tokens }: CrowdPlace, random: Random) {
    this.subscribers = Array.from(
      { length: count },
      (_, number) =>
        new Subscriber({
          name: `subscriber ${number}`,
          token: random.pick(tokens),
          gateway: () => random.pick(gateways),
          books: this.books,
          verifies: number % VERIFIES_EVERY === 0,
        }),
    );
  }

  /** What was not as it must be. */
  get violations(): string[] {
    return [...this.books.values()].flatMap((book) => book.violations);
  }

  /** Connections so far. */
  get connections(): number {
    return this.subscribers.reduce((sum, one) => sum + one.connections, 0);
  }

  /** Connects all of them. Resolves when each has begun with every topic. */
  async open(): Promise<void> {
    for (const subscriber of this.subscribers) subscriber.open();
    const begun = (one: Subscriber): boolean =>
      one.copy !== undefined && [...one.tapes.values()].every(({ offset }) => offset !== undefined);
    await eventually(
      () => {
        const late = this.subscribers.filter((one) => !begun(one)).length;
        if (late > 0) throw new Error(`${late} subscribers have not begun`);
      },
      { timeoutMs: PATIENCE_MS, intervalMs: 100 },
    );
  }

  /** Cuts connections at random until `until`. */
  async cut(random: Random, until: AbortSignal): Promise<void> {
    const perTick = (this.subscribers.length * TICK_MS) / CUT_EVERY_MS;
    while (!until.aborted) {
      for (let left = perTick; left > 0; left--) if (random.chance(left)) random.pick(this.subscribers).cut();
      await delay(TICK_MS);
    }
  }

  /** Once nothing is published any more: everybody must have come to the end of every topic, with the same state. */
  async finish(feed: LiveFeed): Promise<void> {
    for (const [topic, book] of this.books) {
      const { offset } = await feed.position(topic);
      const behind = (): Subscriber[] =>
        this.subscribers.filter(({ tapes }) => tapes.get(topic)?.offset !== offset);
      await eventually(
        () => {
          if (behind().length > 0) throw new Error(`${behind().length} are behind`);
        },
        { timeoutMs: PATIENCE_MS, intervalMs: 100 },
      ).catch(() => {
        const places = behind().map(({ tapes }) => tapes.get(topic)?.offset);
        book.violated(
          `${places.length} subscribers`,
          `ended at ${places.slice(0, 5).join(', ')}, not ${offset}`,
        );
      });
    }
  }

  /** Compares every copy of the state with the hash that came with it, and with each other. @returns the hashes */
  hashes(): Set<string> {
    const book = this.books.get(STATE_TOPIC);
    for (const [number, { state }] of this.subscribers.entries())
      if (!state.isTrue()) book?.violated(`subscriber ${number}`, 'has a state with another hash in the end');
    return new Set(this.subscribers.map(({ copy }) => hashOfState(copy)));
  }

  /** Ends all of them. */
  close(): void {
    for (const subscriber of this.subscribers) subscriber.close();
  }
}
