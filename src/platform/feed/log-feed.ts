import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { RedisService } from '../redis/redis.service';
import { RedisScript } from '../redis/script';
import { APPEND, BEGIN as BEGIN_TOPIC, feedChannel, topicKeys } from './feed-scripts';
import { renewTopic } from './lost-topics';

/** The topic of system events. */
export const LOG_TOPIC = 'logs';
/**
 * How far back each look into the log goes, in milliseconds: lines are seen when their transaction commits, not when it
 * writes. More than the topic counts as kept up with after a look, so that who begins where another has ended misses
 * nothing.
 */
export const LOOK_BACK_MS = 10_000;
/** How long the topic counts as kept up with after the last look into the log, in seconds. */
const ALIVE_S = 5;
/** How long a line is known to have been told, in milliseconds; lines that are older are not told any more. */
const KNOWN_MS = 60_000;

/**
 * Begins to keep up. If nobody has lately, what was logged meanwhile will not be told, so that the topic begins in a
 * new epoch: who resumes hears that something is missing. Returns since when lines are told, in milliseconds.
 */
const BEGIN = new RedisScript(`
local since = redis.call('GET', KEYS[4])
if not since then
  since = ARGV[1]
  redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
end
redis.call('SET', KEYS[4], since, 'EX', ${ALIVE_S})
return since
`);

/** Appends those of the lines that were not told before, whoever told them. */
const TELL = new RedisScript(`
local all = ARGV
local epoch = redis.call('HGET', KEYS[1], 'epoch')
if not epoch then
  local random = all[2]
  ${BEGIN_TOPIC}
end
redis.call('SET', KEYS[5], all[3], 'EX', ${ALIVE_S})
for i = 5, #all, 3 do
  if redis.call('ZADD', KEYS[4], 'NX', all[i + 1], all[i]) == 1 then
    local ARGV = { all[1], all[i + 2] }
    ${APPEND}
  end
end
redis.call('ZREMRANGEBYSCORE', KEYS[4], '-inf', all[4])
redis.call('EXPIRE', KEYS[4], ${KNOWN_MS / 1_000})
`);

/** A line of the log, as it is told. */
export interface LogLine {
  id: string;
  at: Date;
  level: string;
  source: string;
  event: string;
  message: string;
  job_id: string | null;
  trace_id: string | null;
}

/** The lines of the log as events of a topic: each once, however many processes look into the log and tell of it. */
@Injectable()
export class LogFeed {
  constructor(private readonly redis: RedisService) {}

  /**
   * To be called before looking into the log. Rejects while Redis is away.
   *
   * @param now by the clock that lines have their time from, in milliseconds
   * @returns since when lines are to be told, in milliseconds
   */
  async begin(now: number): Promise<number> {
    const { numbering, history, seen, alive } = this.keys();
    return Number(await BEGIN.run(this.redis.client, [numbering, history, seen, alive], [now]));
  }

  /** Tells of lines, and that the log is kept up with. Rejects while Redis is away. @param since as begin() said */
  async tell(lines: readonly LogLine[], since: number, now: number): Promise<void> {
    const { numbering, history, seen, alive } = this.keys();
    await TELL.run(
      this.redis.client,
      [numbering, history, feedChannel(this.redis), seen, alive],
      [
        LOG_TOPIC,
        randomUUID(),
        since,
        now - KNOWN_MS,
        ...lines.flatMap((line) => [line.id, line.at.getTime(), JSON.stringify(line)]),
      ],
    );
  }

  /**
   * Lines were stored that are older than looks go back, so the topic begins anew: who follows it, or comes back, is told
   * that something is missing. Rejects while Redis is away.
   */
  async missed(): Promise<void> {
    await renewTopic(this.redis, LOG_TOPIC);
  }

  private keys(): Record<'numbering' | 'history' | 'seen' | 'alive', string> {
    const { numbering, history } = topicKeys(this.redis, LOG_TOPIC);
    const key = (part: string) => this.redis.key('feed', LOG_TOPIC, part);
    return { numbering, history, seen: key('seen'), alive: key('alive') };
  }
}
