import { Injectable } from '@nestjs/common';
import { RedisService } from '../../platform/redis/redis.service';

/** After so long without a word a worker is lost, in milliseconds: three heartbeats. */
const SILENCE_MS = 6_000;

/** What a worker tells of itself every two seconds. */
export interface WorkerInfo {
  worker_id: string;
  pool: string;
  pid: number;
  /** ISO 8601. */
  started_at: string;
  /** Steps that it runs at a time. */
  concurrency: number;
  active_steps: { step_id: string; job_id: string; agent: string; attempt: number }[];
  queues: readonly string[];
  /** Takes nothing new; ends when its steps have. */
  draining: boolean;
  /** What its media tools can do. */
  capabilities: object;
  rss_bytes: number;
  /** Highest delay of its event loop since the last heartbeat, in milliseconds. */
  loop_delay_ms: number;
}

/** Redis' own clock decides who is silent, whatever the hosts' clocks say. */
const SAY = `
local now = redis.call('TIME')
redis.call('ZADD', KEYS[1], now[1] * 1000 + math.floor(now[2] / 1000), ARGV[1])
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
`;
const LIST = `
local now = redis.call('TIME')
local silent = now[1] * 1000 + math.floor(now[2] / 1000) - ARGV[1]
local gone = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', silent)
for _, id in ipairs(gone) do
  redis.call('ZREM', KEYS[1], id)
  redis.call('HDEL', KEYS[2], id)
end
return redis.call('HVALS', KEYS[2])
`;

/** Which workers are alive, as they say themselves; kept in Redis only, gone six seconds after the last word. */
@Injectable()
export class WorkerRegistry {
  private readonly keys: [seen: string, info: string];

  constructor(private readonly redis: RedisService) {
    this.keys = [redis.key('workers', 'seen'), redis.key('workers', 'info')];
  }

  /** Takes down a worker's heartbeat. */
  async say(worker: WorkerInfo): Promise<void> {
    await this.redis.client.eval(SAY, 2, ...this.keys, worker.worker_id, JSON.stringify(worker), SILENCE_MS);
  }

  /** Forgets a worker that has said goodbye. */
  async leave(workerId: string): Promise<void> {
    const [seen, info] = this.keys;
    await this.redis.client.multi().zrem(seen, workerId).hdel(info, workerId).exec();
  }

  /** The workers that are alive, by id. */
  async list(): Promise<WorkerInfo[]> {
    const values = (await this.redis.client.eval(LIST, 2, ...this.keys, SILENCE_MS)) as string[];
    return values
      .map((value) => JSON.parse(value) as WorkerInfo)
      .sort((a, b) => a.worker_id.localeCompare(b.worker_id));
  }
}
