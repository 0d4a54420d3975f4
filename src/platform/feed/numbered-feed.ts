import { Injectable } from '@nestjs/common';
import { RedisService } from '../redis/redis.service';
import { RedisScript } from '../redis/script';
import { APPEND, feedChannel, topicKeys } from './feed-scripts';

/** The number of the last one that was told; false if nobody has asked for the topic, who would miss something. */
const LAST = new RedisScript(`
if redis.call('EXISTS', KEYS[1]) == 0 then return false end
redis.call('HSETNX', KEYS[1], 'told', ARGV[1])
return redis.call('HGET', KEYS[1], 'told')
`);

/** Appends those with higher numbers than the last one; none if the topic was lost meanwhile. */
const TELL = new RedisScript(`
local all = ARGV
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then return end
for i = 2, #all, 2 do
  if tonumber(all[i]) > tonumber(redis.call('HGET', KEYS[1], 'told') or '0') then
    local ARGV = { all[1], all[i + 1] }
    ${APPEND}
    redis.call('HSET', KEYS[1], 'told', all[i])
  end
end
`);

/** Something that has a number of its own, which rise but may leave some out. */
export interface Numbered {
  readonly seq: number;
}

/**
 * Topics that tell of what Postgres has numbered: each once and in order, whoever tells of it, and nothing left out when
 * a teller dies or Redis was away.
 */
@Injectable()
export class NumberedFeed {
  constructor(private readonly redis: RedisService) {}

  /**
   * After which number to tell; undefined if nobody has asked for the topic. Rejects while Redis is away.
   *
   * @param otherwise where somebody asked for it and nothing was told yet
   */
  async last(topic: string, otherwise: number): Promise<number | undefined> {
    const { numbering } = topicKeys(this.redis, topic);
    const last = await LAST.run(this.redis.client, [numbering], [otherwise]);
    return last === null ? undefined : Number(last);
  }

  /** Tells of those that were not told yet. Rejects while Redis is away. @param items by their numbers */
  async tell(topic: string, items: readonly Numbered[]): Promise<void> {
    const { numbering, history } = topicKeys(this.redis, topic);
    await TELL.run(
      this.redis.client,
      [numbering, history, feedChannel(this.redis)],
      [topic, ...items.flatMap((item) => [item.seq, JSON.stringify(item)])],
    );
  }
}
