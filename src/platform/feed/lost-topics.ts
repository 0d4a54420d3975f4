import { Logger } from '@nestjs/common';
import type { RedisService } from '../redis/redis.service';
import { RedisScript } from '../redis/script';
import { feedChannel, topicKeys } from './feed-scripts';
import { reasonOf } from '../errors/unavailable';

/** How long to wait before Redis is asked again, in milliseconds. */
const AGAIN_MS = 1_000;
/** Topics that are remembered one by one; where more lost something, all begin anew. */
const MAX_TOPICS = 10_000;

/**
 * Ends a topic's numbering, if it has one, so that the next who asks begins a new epoch; and has everybody ask who
 * follows it, by announcing an event of no epoch. Keys: numbering, history, channel.
 */
const RENEW = new RedisScript(`
if redis.call('DEL', KEYS[1]) == 0 then return 0 end
redis.call('DEL', KEYS[2])
redis.call('PUBLISH', KEYS[3], cjson.encode({ARGV[1], 0, ''}) .. '\\nnull')
return 1
`);

/** Begins a topic anew: who follows it, and who comes back to it, is told that something is missing. Rejects while Redis is away. */
export async function renewTopic(redis: RedisService, topic: string): Promise<void> {
  const { numbering, history } = topicKeys(redis, topic);
  await RENEW.run(redis.client, [numbering, history, feedChannel(redis)], [topic]);
}

/**
 * The topics of which this process could not publish an event. As the numbers of those after it are dense, nobody could
 * see that it is missing, so these topics begin anew as soon as Redis can be reached.
 */
export class LostTopics {
  private readonly log = new Logger(LostTopics.name);
  private readonly topics = new Set<string>();
  private timer: NodeJS.Timeout | undefined;
  private all = false;

  constructor(private readonly redis: RedisService) {}

  /** An event of the topic was lost, or may have been. */
  add(topic: string): void {
    if (this.topics.size < MAX_TOPICS) this.topics.add(topic);
    else this.all ||= !this.topics.has(topic);
    this.soon();
  }

  /** Does no more. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private soon(): void {
    if (this.timer) return;
    this.timer = setTimeout(() => {
      this.renew()
        .catch((error: Error) => this.log.debug(`Topics cannot begin anew yet: ${reasonOf(error)}`))
        .finally(() => {
          this.timer = undefined;
          if (this.all || this.topics.size > 0) this.soon();
        });
    }, AGAIN_MS);
    this.timer.unref();
  }

  private async renew(): Promise<void> {
    if (this.all) {
      for (const topic of await this.everyTopic()) this.topics.add(topic);
      this.all = false;
    }
    for (const topic of this.topics) {
      // What is lost of it from here on is remembered once more.
      this.topics.delete(topic);
      try {
        await renewTopic(this.redis, topic);
      } catch (error) {
        this.topics.add(topic);
        throw error;
      }
    }
  }

  private async everyTopic(): Promise<string[]> {
    const [before = '', after = ''] = topicKeys(this.redis, '*').numbering.split('*');
    const topics: string[] = [];
    const keys = this.redis.client.scanStream({ match: `${before}*${after}`, count: 1_000 });
    for await (const found of keys as AsyncIterable<string[]>)
      topics.push(...found.map((key) => key.slice(before.length, -after.length)));
    return topics;
  }
}
