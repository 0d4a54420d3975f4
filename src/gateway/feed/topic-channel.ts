import { setTimeout as delay } from 'node:timers/promises';
import type { FeedEvent, LiveFeed } from '../../platform/feed/live-feed';
import { gatewayDeliveries } from '../gateway-metrics';
import type { Position } from '../protocol';
import { Delivery } from './delivery';
import type { TopicSnapshots } from './topic-snapshots';
import { type Sink, TopicSubscription } from './topic-subscription';

/** Events that a subscriber may have missed and still resume. */
export const MAX_RECOVERED = 1_000;
/** Events of a topic that are kept in memory, so that a crowd that comes back does not ask Redis one by one. */
const RECENT = 256;
/** A snapshot that so many events came after is replaced by a new one, rather than sent with all of them. */
const MAX_AFTER_SNAPSHOT = 32;
/** How long to wait with a beginning that could not be made for want of Redis, in milliseconds. */
const BEGIN_AGAIN_MS = 1_000;

/**
 * A topic in this process: its events in order and without a gap, as one prepared frame each, to all of its
 * subscribers. What pub/sub loses is read from the history; when that cannot make it good, every subscriber
 * begins anew, with a snapshot if the topic has a state.
 */
export class TopicChannel {
  private readonly subscribers = new Set<TopicSubscription>();
  /** Those who wait until it is known where the topic stands. */
  private arriving = 0;
  private readonly recent: Delivery[] = [];
  /** Events that came while the position or the history was being read. */
  private waiting: FeedEvent[] | undefined = [];
  private healing: Promise<void> | undefined;
  private position: Position = { offset: 0, epoch: '' };
  private readonly attached: Promise<void>;

  /** @param snapshots of a topic that has a state */
  constructor(
    readonly topic: string,
    private readonly feed: Pick<LiveFeed, 'position' | 'read'>,
    private readonly onError: (error: Error) => void,
    private readonly snapshots?: TopicSnapshots,
  ) {
    this.attached = this.attach();
  }

  /** Whether nobody follows it, or is about to: it may be dropped. */
  get empty(): boolean {
    return this.subscribers.size === 0 && this.arriving === 0;
  }

  /**
   * Adds a subscriber, from `since` on if the history reaches back to it.
   * Rejects if Redis is away when history or snapshot are needed.
   */
  async subscribe(
    sink: Sink,
    since?: Position,
    wants?: (data: unknown) => boolean,
  ): Promise<TopicSubscription> {
    const subscription = new TopicSubscription(sink, (ended) => this.subscribers.delete(ended), wants);
    this.arriving++;
    try {
      await this.attached;
      this.subscribers.add(subscription);
    } finally {
      this.arriving--;
    }
    const recent = since && this.recentAfter(since);
    if (since && recent) {
      subscription.live(since, true, recent);
      return subscription;
    }
    const wait = subscription.hold();
    try {
      const missed = since && (await this.missedSince(since));
      // The topic began anew meanwhile, and so did this subscription with it.
      if (!subscription.awaits(wait)) return subscription;
      if (since && missed) subscription.live(since, true, missed);
      while (subscription.awaits(wait)) await this.begin(subscription, wait);
    } catch (error) {
      subscription.end();
      throw error;
    }
    return subscription;
  }

  /** An event from pub/sub. */
  receive(event: FeedEvent): void {
    if (this.waiting) this.waiting.push(event);
    else if (event.epoch === this.position.epoch && event.offset <= this.position.offset) return;
    else if (event.epoch === this.position.epoch && event.offset === this.position.offset + 1)
      this.deliver(event);
    else void this.heal();
  }

  /** Looks whether events were lost without another one telling of it, and makes it good. */
  async check(): Promise<void> {
    if (this.waiting) return;
    const { offset, epoch } = await this.feed.position(this.topic);
    if (epoch !== this.position.epoch || offset > this.position.offset) await this.heal();
  }

  private async attach(): Promise<void> {
    this.position = await this.feed.position(this.topic);
    this.resume();
  }

  /** Reads what is missing; without history everybody starts anew. */
  private heal(): Promise<void> {
    this.healing ??= this.healNow().finally(() => (this.healing = undefined));
    return this.healing;
  }

  private async healNow(): Promise<void> {
    this.waiting = [];
    try {
      const { events, position } = await this.feed.read(this.topic, this.position.offset, MAX_RECOVERED);
      const top = Math.max(position.offset, events.at(-1)?.offset ?? 0);
      const sameEpoch = position.epoch === this.position.epoch;
      if (sameEpoch && isComplete(events, this.position.offset, top))
        events.forEach((event) => this.deliver(event));
      else this.restart({ offset: top, epoch: position.epoch });
      this.resume();
    } catch (error) {
      // The next event, or the next check, tries again; what waited is in the history.
      this.waiting = undefined;
      this.onError(error as Error);
    }
  }

  private resume(): void {
    const waited = this.waiting ?? [];
    this.waiting = undefined;
    for (const event of waited) this.receive(event);
  }

  private restart(position: Position): void {
    this.position = position;
    this.recent.length = 0;
    for (const subscription of this.subscribers) {
      if (this.snapshots) void this.beginAnew(subscription);
      else subscription.live(position, false, []);
    }
  }

  /** Begins, however long Redis is away. Never rejects. */
  private async beginAnew(subscription: TopicSubscription): Promise<void> {
    const wait = subscription.hold();
    while (subscription.awaits(wait)) {
      try {
        await this.begin(subscription, wait);
      } catch (error) {
        this.onError(error as Error);
        await delay(BEGIN_AGAIN_MS, undefined, { ref: false });
      }
    }
  }

  /**
   * Not recovered: it begins where the topic or its snapshot stands, and all that comes from then on follows. It still
   * waits afterwards if what was read had been overtaken.
   */
  private async begin(subscription: TopicSubscription, wait: number): Promise<void> {
    if (!this.snapshots) return subscription.live(this.position, false, []);
    const { position, message } = await this.snapshots.get(
      (at) => (this.recentAfter(at)?.length ?? Infinity) < MAX_AFTER_SNAPSHOT,
    );
    // Redis has begun anew, which this process is about to see: who waits here begins anew with all the others.
    if (position.epoch !== this.position.epoch) return this.heal();
    // It may be ahead of what this process has heard, but never further behind than what is kept.
    const missed = position.offset < this.position.offset ? this.recentAfter(position) : [];
    if (missed && subscription.awaits(wait)) subscription.live(position, false, missed, message);
  }

  private deliver(event: FeedEvent): void {
    const delivery = new Delivery(event);
    this.position = { offset: event.offset, epoch: event.epoch };
    this.recent.push(delivery);
    if (this.recent.length > RECENT) this.recent.shift();
    let told = 0;
    for (const subscription of this.subscribers) if (subscription.push(delivery)) told++;
    gatewayDeliveries.inc(told);
  }

  /** What came after `since`, if memory reaches back to it. */
  private recentAfter(since: Position): Delivery[] | undefined {
    if (since.epoch !== this.position.epoch || since.offset > this.position.offset) return undefined;
    if (since.offset === this.position.offset) return [];
    const first = this.recent[0];
    if (!first || first.offset > since.offset + 1) return undefined;
    return this.recent.slice(since.offset + 1 - first.offset);
  }

  /** What came after `since`, from the history; undefined if it does not reach back to it, or is not its own. */
  private async missedSince(since: Position): Promise<Delivery[] | undefined> {
    const { events, position } = await this.feed.read(this.topic, since.offset, MAX_RECOVERED);
    // Pub/sub has not told yet that the history was lost.
    if (position.epoch !== this.position.epoch) void this.heal();
    if (position.epoch !== since.epoch) return undefined;
    const top = Math.max(position.offset, events.at(-1)?.offset ?? 0);
    if (since.offset > top || !isComplete(events, since.offset, top)) return undefined;
    return events.map((event) => new Delivery(event));
  }
}

/** Whether the events are all those after one offset up to another. */
function isComplete(events: readonly FeedEvent[], after: number, top: number): boolean {
  return events.length === top - after && events.every((event, index) => event.offset === after + 1 + index);
}
