import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { RedisScript } from '../../platform/redis/script';
import { RedisService } from '../../platform/redis/redis.service';

/** How long a hold outlives a process that died with it, in milliseconds, and how often it is renewed. */
const HOLD_MS = 15_000;
const RENEW_MS = 5_000;
/** How often one that somebody else has is tried again, in milliseconds. */
const AGAIN_MS = 200;

/** Takes the hold if it is free or one's own already, which it also is again after Redis was emptied. */
const TAKE = new RedisScript(`
local holder = redis.call('GET', KEYS[1])
if holder and holder ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
`);
const GIVE_BACK = new RedisScript(`
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
`);

/** Sees to it that only one at a time changes which workers a pool has: the loop, or an action. */
@Injectable()
export class PoolHolds {
  constructor(private readonly redis: RedisService) {}

  /**
   * Does `work` while nobody else changes which workers the pool has.
   *
   * @param waitMs how long it waits for whoever does
   * @returns undefined, with nothing done, if somebody else was at it for so long
   */
  async during<T>(pool: string, waitMs: number, work: () => Promise<T>): Promise<{ result: T } | undefined> {
    const key = this.redis.key('pools', 'hold', pool);
    const token = randomUUID();
    const take = async () => (await TAKE.run(this.redis.client, [key], [token, HOLD_MS])) === 1;
    const until = performance.now() + waitMs;
    while (!(await take())) {
      if (performance.now() >= until) return undefined;
      await delay(AGAIN_MS);
    }
    // Redis being away is seen by the work itself, if it matters to it.
    const renewal = setInterval(() => void take().catch(() => undefined), RENEW_MS);
    try {
      return { result: await work() };
    } finally {
      clearInterval(renewal);
      await GIVE_BACK.run(this.redis.client, [key], [token]).catch(() => undefined);
    }
  }
}
