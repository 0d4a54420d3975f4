import type { RedisService } from '../redis/redis.service';

/** How many events of a topic are kept for those who come back. */
const HISTORY = 1_000;
/** How long a quiet topic's history is kept, in seconds. */
const HISTORY_TTL_S = 600;
/** How long its numbering is kept: who has seen all of a quiet topic need not start anew, in seconds. */
export const NUMBERING_TTL_S = 86_400;

/**
 * Appends the event ARGV[2] to the topic ARGV[1], whose epoch is `epoch`: the next `offset`, the history, and the
 * announcement in one step, so that offsets are dense and announced in order. Keys: numbering, history, channel.
 */
export const APPEND = `
local offset = redis.call('HINCRBY', KEYS[1], 'offset', 1)
redis.call('XADD', KEYS[2], 'MAXLEN', '~', ${HISTORY}, offset .. '-1', 'd', ARGV[2])
redis.call('EXPIRE', KEYS[1], ${NUMBERING_TTL_S})
redis.call('EXPIRE', KEYS[2], ${HISTORY_TTL_S})
redis.call('PUBLISH', KEYS[3], cjson.encode({ARGV[1], offset, epoch}) .. '\\n' .. ARGV[2])
`;

/**
 * Where a topic stands, as `meta` (epoch, offset); an unknown one begins at 0 in the epoch ARGV[1]. Keys: numbering,
 * history.
 */
export const POSITION = `
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not meta[1] then
  redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'offset', 0)
  redis.call('DEL', KEYS[2])
  meta = { ARGV[1], '0' }
end
redis.call('EXPIRE', KEYS[1], ${NUMBERING_TTL_S})
`;

/** The keys of a topic: its numbering, its history, and its state if it has one. */
export function topicKeys(
  redis: RedisService,
  topic: string,
): { numbering: string; history: string; state: string } {
  const key = (part: string) => redis.key('feed', topic, part);
  return { numbering: key('meta'), history: key('events'), state: key('state') };
}

/** The channel on which events of all topics are announced. */
export function feedChannel(redis: RedisService): string {
  return redis.key('feed');
}
