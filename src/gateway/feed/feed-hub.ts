import { Injectable, Logger } from '@nestjs/common';
import { LiveFeed } from '../../platform/feed/live-feed';
import { LiveState } from '../../platform/feed/live-state';
import type { Position } from '../protocol';
import { ADMIN_TOPICS } from '../topics';
import { TopicChannel } from './topic-channel';
import { TopicSnapshots } from './topic-snapshots';
import type { Sink, TopicSubscription } from './topic-subscription';
import { reasonOf } from '../../platform/errors/unavailable';

/** How often each topic is checked for events that were lost, in milliseconds. */
const CHECK_MS = 10_000;
/** Topics that are checked side by side. */
const CHECK_WIDTH = 16;

/** The topics that somebody in this process follows. */
@Injectable()
export class FeedHub {
  private readonly log = new Logger(FeedHub.name);
  private readonly channels = new Map<string, TopicChannel>();
  private timer: NodeJS.Timeout | undefined;
  private checking: Promise<void> | undefined;
  private unlisten: (() => void) | undefined;

  constructor(
    private readonly feed: LiveFeed,
    private readonly states: LiveState,
  ) {}

  /** Starts to listen to the feed. Does not wait for Redis: topics are checked when it is there. */
  start(): void {
    this.feed
      .listen(
        (event) => this.channels.get(event.topic)?.receive(event),
        // A check that is under way may have been at a topic before something was missed there.
        () => void (this.checking ?? Promise.resolve()).then(() => this.check()),
      )
      .then(
        (unlisten) => (this.unlisten = unlisten),
        (error: Error) => this.log.error(`The feed cannot be listened to: ${reasonOf(error)}`, error.stack),
      );
    this.timer = setInterval(() => void this.check(), CHECK_MS);
  }

  /** Stops listening. */
  stop(): void {
    clearInterval(this.timer);
    this.unlisten?.();
    this.channels.clear();
  }

  /** Follows a topic, or what is wanted of it, from `since` on if possible. Rejects if Redis is away. */
  async subscribe(
    topic: string,
    sink: Sink,
    since?: Position,
    wants?: (data: unknown) => boolean,
  ): Promise<TopicSubscription> {
    const channel = this.channelOf(topic);
    try {
      return await channel.subscribe(sink, since, wants);
    } catch (error) {
      if (channel.empty && this.channels.get(topic) === channel) this.channels.delete(topic);
      throw error;
    }
  }

  /** Whether anybody here follows a topic. */
  follows(topic: string): boolean {
    return this.channels.get(topic)?.empty === false;
  }

  /** Looks whether a topic that is followed here has begun anew. Rejects if Redis is away. */
  async refresh(topic: string): Promise<void> {
    await this.channels.get(topic)?.check();
  }

  private channelOf(topic: string): TopicChannel {
    const known = this.channels.get(topic);
    if (known) return known;
    const channel = new TopicChannel(
      topic,
      this.feed,
      (error) => this.log.warn(`The topic ${topic} has a gap for now: ${reasonOf(error)}`),
      ADMIN_TOPICS.get(topic)?.hasState && new TopicSnapshots(topic, this.states),
    );
    this.channels.set(topic, channel);
    return channel;
  }

  /** Drops topics that nobody follows, and looks for lost events in the others. */
  private check(): Promise<void> {
    this.checking ??= this.checkAll().finally(() => (this.checking = undefined));
    return this.checking;
  }

  private async checkAll(): Promise<void> {
    const channels = [...this.channels.values()];
    const next = async (): Promise<void> => {
      for (let channel = channels.pop(); channel; channel = channels.pop()) {
        if (!channel.empty) await channel.check();
        // There may be another one of that name since the list was made.
        else if (this.channels.get(channel.topic) === channel) this.channels.delete(channel.topic);
      }
    };
    // All have ended before the next look begins: what fails for one fails for the others soon.
    const ends = await Promise.allSettled(Array.from({ length: CHECK_WIDTH }, next));
    for (const end of ends)
      if (end.status === 'rejected') this.log.debug(`Topics cannot be checked: ${reasonOf(end.reason)}`);
  }
}
