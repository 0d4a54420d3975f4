import { Injectable, Logger, type OnModuleDestroy } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { RedisService } from '../redis/redis.service';
import { RedisScript, ScriptBatch } from '../redis/script';
import { APPEND, BEGIN, feedChannel, POSITION, topicKeys } from './feed-scripts';
import { LostTopics } from './lost-topics';
import { reasonOf } from '../errors/unavailable';

/** Appends an event. A topic whose state was lost begins a new epoch. */
const PUBLISH = new RedisScript(`
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  local random = ARGV[3]
  ${BEGIN}
end
${APPEND}
return offset
`);

/** Position and history in one step: in two, a new epoch could begin between them. */
const READ = `${POSITION}
return { meta[1], meta[2], redis.call('XRANGE', KEYS[2], ARGV[2], '+', 'COUNT', ARGV[3]) }
`;

/** A place in a topic. Offsets of different epochs cannot be compared: the history between them was lost. */
export interface FeedPosition {
  offset: number;
  epoch: string;
}

/** One event of a topic. */
export interface FeedEvent extends FeedPosition {
  topic: string;
  /** What it says, as the JSON text that it was published as: who only passes it on need not know what is in it. */
  json: string;
}

/** Live events for the gateway, numbered per topic in Redis, so that a client can resume without a gap. */
@Injectable()
export class LiveFeed implements OnModuleDestroy {
  private readonly log = new Logger(LiveFeed.name);
  private readonly publishing: ScriptBatch;
  private readonly lost: LostTopics;

  constructor(private readonly redis: RedisService) {
    this.lost = new LostTopics(redis);
    this.publishing = new ScriptBatch(redis.client, PUBLISH, { eager: true });
  }

  onModuleDestroy(): void {
    this.lost.stop();
  }

  /**
   * Appends an event. Best effort, never throws: the state it tells of is in Postgres, and can be read there. Of what
   * could not be appended the topic's followers are told that something is missing, once Redis can be reached.
   */
  async publish(topic: string, data: object): Promise<void> {
    try {
      await this.publishing.run(
        [...this.keys(topic), this.channel()],
        [topic, JSON.stringify(data), randomUUID()],
      );
    } catch (error) {
      this.log.warn(`Event of ${topic} was lost: ${reasonOf(error)}`);
      this.lost.add(topic);
    }
  }

  /**
   * Those of the topics that have a past, or that somebody has asked for; nobody can follow another one. Where Redis
   * does not say, all of them.
   */
  async known(topics: readonly string[]): Promise<Set<string>> {
    const keys = topics.map((topic) => this.keys(topic)[0]);
    // Mostly none of many jobs is followed, which one command tells.
    const count = keys.length > 0 ? await this.redis.client.exists(...keys).catch(() => undefined) : 0;
    if (count === 0) return new Set();
    const pipeline = this.redis.client.pipeline();
    for (const key of keys) pipeline.exists(key);
    const replies = (await pipeline.exec().catch(() => null)) ?? [];
    return new Set(topics.filter((_topic, index) => replies[index]?.[1] !== 0));
  }

  /**
   * What the newest events say of those of the topics that have a past, as they were published: at most `limit` of each,
   * newest first. Rejects while Redis is away.
   */
  async newest(topics: readonly string[], limit: number): Promise<Map<string, string[]>> {
    if (topics.length === 0) return new Map();
    const pipeline = this.redis.client.pipeline();
    for (const [numbering, history] of topics.map((topic) => this.keys(topic)))
      pipeline.exists(numbering).xrevrange(history, '+', '-', 'COUNT', limit);
    const replies = ((await pipeline.exec()) ?? []).map(([error, reply]) => {
      if (error) throw error;
      return reply;
    });
    const found = new Map<string, string[]>();
    topics.forEach((topic, index) => {
      const rows = replies[2 * index + 1] as [id: string, fields: string[]][];
      if (replies[2 * index] === 1)
        found.set(
          topic,
          rows.flatMap(([, fields]) => fields[1] ?? []),
        );
    });
    return found;
  }

  /** Where the topic stands now; an unknown topic starts at 0 in a new epoch. */
  async position(topic: string): Promise<FeedPosition> {
    const [epoch, offset] = (await this.redis.client.eval(
      `${POSITION} return meta`,
      2,
      ...this.keys(topic),
      randomUUID(),
    )) as [string, string];
    return { epoch, offset: Number(offset) };
  }

  /**
   * The events after `afterOffset`, oldest first, at most `limit`, and where the topic stands. It is for the
   * caller to see from the first event's offset whether history has been cut off in between.
   */
  async read(
    topic: string,
    afterOffset: number,
    limit: number,
  ): Promise<{ events: FeedEvent[]; position: FeedPosition }> {
    const [epoch, offset, rows] = (await this.redis.client.eval(
      READ,
      2,
      ...this.keys(topic),
      randomUUID(),
      `${afterOffset + 1}-0`,
      limit,
    )) as [string, string, [id: string, fields: string[]][]];
    const events = rows.map(([id, fields]) => ({
      topic,
      epoch,
      offset: Number(id.split('-')[0]),
      json: fields[1] ?? 'null',
    }));
    const position = { epoch, offset: Number(offset) };
    return { events, position };
  }

  /**
   * Calls `handler` for every event of every topic from now on; the answer ends that.
   *
   * @param resumed called whenever listening begins or goes on: events may have been missed before
   */
  async listen(
    handler: (event: FeedEvent) => void,
    resumed: () => void = () => undefined,
  ): Promise<() => void> {
    const subscriber = this.redis.subscriber();
    subscriber.on('message', (_channel, text) => {
      const end = text.indexOf('\n');
      try {
        const [topic, offset, epoch] = JSON.parse(text.slice(0, end)) as [string, number, string];
        handler({ topic, offset, epoch, json: text.slice(end + 1) });
      } catch (error) {
        this.log.error(`An event could not be handled: ${reasonOf(error)}`);
      }
    });
    await subscriber.subscribe(this.channel());
    resumed();
    subscriber.on('ready', () => {
      // Asked again, though ioredis does so too: only the answer tells from when on events come.
      subscriber
        .subscribe(this.channel())
        .then(resumed, (error: Error) => this.log.warn(`The feed cannot be listened to: ${reasonOf(error)}`));
    });
    return () => subscriber.disconnect();
  }

  private keys(topic: string): [numbering: string, history: string] {
    const { numbering, history } = topicKeys(this.redis, topic);
    return [numbering, history];
  }

  private channel(): string {
    return feedChannel(this.redis);
  }
}
