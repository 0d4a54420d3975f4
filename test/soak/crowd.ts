import { setTimeout as delay } from 'node:timers/promises';
import { hashOfState } from '../../src/gateway/client/state-copy';
import type { LiveFeed } from '../../src/platform/feed/live-feed';
import type { Random } from '../nemesis/random';
import { eventually } from '../support/eventually';
import { Book } from './book';
import { JOB_TOPIC, JobNews, JOBS_TOPIC } from './jobs/job-news';
import { STATE_TOPIC, Subscriber } from './subscriber';

/** What staff follow. */
const TOPICS = [STATE_TOPIC, JOBS_TOPIC, 'executions', 'queues', 'workers'];
/** How often a connection is cut, on average, in milliseconds. */
const CUT_EVERY_MS = 20_000;
/** Between two looks at who is cut next, in milliseconds. */
const TICK_MS = 100;
/** One in so many compares every state with its hash, which costs a core some milliseconds each. */
const VERIFIES_EVERY = 50;
/** One in so many is the owner of the jobs, who may follow their topics and no others. */
const OWNERS_EVERY = 30;
/** One in so many of the staff follows topics of jobs besides. */
const JOB_FOLLOWERS_EVERY = 10;
/** How many follow the topic of a job. */
const FOLLOWERS = 8;
/** How long a crowd may take to begin, and to have all that there was in the end, in milliseconds. */
const PATIENCE_MS = 60_000;

/** Where a crowd connects to, and as whom. */
export interface CrowdPlace {
  /** Of all gateways, up or not. */
  gateways: readonly string[];
  /** Access tokens of staff, one for each user. */
  tokens: readonly string[];
  /** Access token of the owner of the jobs. */
  ownerToken: string;
}

/** All subscribers of a soak. */
export class Crowd {
  /** By topic. Those of jobs are added as jobs are. */
  readonly books = new Map<string, Book>();
  /** What they heard of jobs. */
  readonly news = new JobNews();
  /** Subscriptions of topics of jobs. */
  jobSubscriptions = 0;
  private readonly noted: string[] = [];
  private readonly subscribers: Subscriber[];
  private readonly jobFollowers: Subscriber[] = [];

  constructor(
    count: number,
    place: CrowdPlace,
    private readonly random: Random,
  ) {
    for (const topic of TOPICS)
      this.books.set(topic, new Book(topic, topic === JOBS_TOPIC ? this.hear : undefined));
    const forStaff = [...this.books.values()];
    this.subscribers = Array.from({ length: count }, (_, number) => {
      const owner = number % OWNERS_EVERY === OWNERS_EVERY - 1;
      const subscriber = new Subscriber({
        name: `${owner ? 'owner' : 'subscriber'} ${number}`,
        number,
        token: owner ? place.ownerToken : random.pick(place.tokens),
        gateway: () => random.pick(place.gateways),
        books: owner ? [] : forStaff,
        verifies: number % VERIFIES_EVERY === 0,
        violated: (what) => this.noted.push(what),
      });
      if (owner || number % JOB_FOLLOWERS_EVERY === 0) this.jobFollowers.push(subscriber);
      return subscriber;
    });
  }

  /** What was not as it must be. */
  get violations(): string[] {
    return [...this.noted, ...[...this.books.values()].flatMap((book) => book.violations)];
  }

  /** Connections so far. */
  get connections(): number {
    return this.subscribers.reduce((sum, one) => sum + one.connections, 0);
  }

  /** Connects all of them. Resolves when each has begun with every topic. */
  async open(): Promise<void> {
    for (const subscriber of this.subscribers) subscriber.open();
    await eventually(
      () => {
        const late = this.subscribers.filter((one) => !one.begun).length;
        if (late > 0) throw new Error(`${late} subscribers have not begun`);
      },
      { timeoutMs: PATIENCE_MS, intervalMs: 100 },
    );
  }

  /** Lets some of them follow a job, whatever has become of it by now. */
  followJob(jobId: string): void {
    const book = new Book(`${JOB_TOPIC}${jobId}`, this.hear);
    this.books.set(book.topic, book);
    const left = [...this.jobFollowers];
    while (left.length > Math.max(0, this.jobFollowers.length - FOLLOWERS)) {
      left.splice(this.random.between(0, left.length - 1), 1)[0]?.follow(book);
      this.jobSubscriptions++;
    }
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
      const places = this.subscribers.flatMap(({ tapes }) => tapes.get(topic) ?? []);
      let end: number | undefined;
      const behind = () => places.filter(({ offset }) => offset !== end).map(({ offset }) => offset);
      await eventually(
        async () => {
          // Whoever told of something last may just have done so.
          ({ offset: end } = await feed.position(topic));
          if (behind().length > 0) throw new Error(`${behind().length} are behind`);
        },
        { timeoutMs: PATIENCE_MS, intervalMs: 100 },
      ).catch(() => {
        const some = behind().slice(0, 5).join(', ');
        book.violated(`${behind().length} subscribers`, `ended at ${some}, not ${end}`);
      });
    }
  }

  /** Compares every copy of the state with the hash that came with it, and with each other. @returns the hashes */
  hashes(): Set<string> {
    const followers = this.subscribers.filter(({ state }) => state !== undefined);
    for (const { state, name } of followers)
      if (!state?.isTrue()) this.noted.push(`${name} has a state with another hash in the end`);
    return new Set(followers.map(({ copy }) => hashOfState(copy)));
  }

  /** Ends all of them. */
  close(): void {
    for (const subscriber of this.subscribers) subscriber.close();
  }

  private readonly hear = (text: string): void => this.news.heard(text);
}
