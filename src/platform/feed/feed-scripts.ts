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
 * What all epochs begin with that this run of the server made, as `run`; one that may not be asked has none. It costs
 * 20 us, so it is not asked with every event.
 */
const RUN = `
local info = redis.pcall('INFO', 'server')
local run = (type(info) == 'string' and string.match(info, 'run_id:(%x+)') or ''):sub(1, 16) .. '.'
`;

/**
 * Begins a topic that has no numbering, in an epoch of its own, as `epoch`; `random` is a text that nobody else has.
 * Keys: numbering, history.
 */
export const BEGIN = `${RUN}
epoch = run .. random
redis.call('HSET', KEYS[1], 'epoch', epoch, 'offset', 0)
redis.call('DEL', KEYS[2])
`;

/**
 * Where a topic stands, as `meta` (epoch, offset). An unknown one begins at 0, in an epoch that has ARGV[1] in it; so
 * does one that an earlier run of the server has numbered, which came back from a snapshot: between the snapshot and the
 * end of that run there may have been more, whose numbers would be given to others. Keys: numbering, history.
 */
export const POSITION = `${RUN}
local meta = redis.call('HMGET', KEYS[1], 'epoch', 'offset')
if not meta[1] or meta[1]:sub(1, #run) ~= run then
  redis.call('DEL', KEYS[1], KEYS[2])
  meta = { run .. ARGV[1], '0' }
  redis.call('HSET', KEYS[1], 'epoch', meta[1], 'offset', meta[2])
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
