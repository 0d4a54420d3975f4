import { Injectable } from '@nestjs/common';
import { RedisService } from '../../platform/redis/redis.service';

/** How often a worker gives a sign of life, in milliseconds. */
export const BEAT_MS = 2_000;
/** After so long without one a worker is lost: three heartbeats. */
const SILENCE_MS = 3 * BEAT_MS;
/** How long a lost worker is remembered, in milliseconds, so that its loss does not go unnoticed. */
const MEMORY_MS = 600_000;

/** What a worker tells of itself every two seconds. */
export interface WorkerInfo {
  worker_id: string;
  pool: string;
  /** What the runtime driver calls the process; null where none runs it. */
  service: string | null;
  pid: number;
  /** ISO 8601. */
  started_at: string;
  /** Steps that it runs at a time, at most. */
  concurrency: number;
  active_steps: { step_id: string; job_id: string; agent: string; attempt: number }[];
  /** Those that it serves. */
  queues: readonly string[];
  /** Takes nothing new; ends when its steps have. */
  draining: boolean;
  /** What its media tools can do. */
  capabilities: object;
  rss_bytes: number;
  /** Highest delay of its event loop since the last heartbeat, in milliseconds. */
  loop_delay_ms: number;
}

/** A worker that was heard of in the last ten minutes. */
export interface SeenWorker extends WorkerInfo {
  /** By Redis' clock, in milliseconds. */
  heartbeat_age_ms: number;
  /** It has missed three heartbeats, and has not said goodbye. */
  lost: boolean;
}

/** Redis' own clock decides who is silent, whatever the hosts' clocks say. */
const SAY = `
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], now[1] * 1000 + math.floor(now[2] / 1000), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
`;
const SEEN = `
local now = redis.call('TIME')
now = now[1] * 1000 + math.floor(now[2] / 1000)
for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now - ARGV[1])) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
local found = {}
local seen = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #seen, 2 do
  local info = redis.call('HGET', KEYS[2], seen[i])
  -- Later than now: the clock was set back. It has to be heard of again before it would be lost.
  if tonumber(seen[i + 1]) > now then
    seen[i + 1] = now
    redis.call('ZADD', KEYS[1], now, seen[i])
  end
  if info then
    found[#found + 1] = info
    found[#found + 1] = string.format('%.0f', now - seen[i + 1])
  end
end
return found
`;

/** Which workers there are, as they say themselves; kept in Redis only, and lost six seconds after the last word. */
@Injectable()
export class WorkerRegistry {
  private readonly keys: [seen: string, info: string];

  constructor(private readonly redis: RedisService) {
    this.keys = [redis.key('workers', 'seen'), redis.key('workers', 'info')];
  }

  /** Takes down a worker's heartbeat. */
  async say(worker: WorkerInfo): Promise<void> {
    await this.redis.client.eval(SAY, 2, ...this.keys, worker.worker_id, JSON.stringify(worker), MEMORY_MS);
  }

  /** Forgets a worker that has said goodbye. */
  async leave(workerId: string): Promise<void> {
    const [seen, info] = this.keys;
    await this.redis.client.multi().zrem(seen, workerId).hdel(info, workerId).exec();
  }

  /** The workers that are alive, by id. */
  async list(): Promise<WorkerInfo[]> {
    return (await this.seen()).filter((worker) => !worker.lost);
  }

  /** These, and those that were lost in the last ten minutes, by id. */
  async seen(): Promise<SeenWorker[]> {
    const found = (await this.redis.client.eval(SEEN, 2, ...this.keys, MEMORY_MS)) as string[];
    const workers: SeenWorker[] = [];
    for (let index = 0; index < found.length; index += 2) {
      const heartbeat_age_ms = Number(found[index + 1]);
      const info = JSON.parse(found[index] ?? '') as WorkerInfo;
      workers.push({ ...info, heartbeat_age_ms, lost: heartbeat_age_ms >= SILENCE_MS });
    }
    return workers.sort((a, b) => a.worker_id.localeCompare(b.worker_id));
  }
}
