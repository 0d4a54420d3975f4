import type { QueueOptions } from 'bull';
import type { RedisService } from '../../../platform/redis/redis.service';
import { TICKET_LOCK_MS } from './bull-queue';

/**
 * How Bull is set up: it carries tickets and decides nothing. It never tries an entry again (`attempts`) and
 * gives a stalled one to nobody (`maxStalledCount`); both are for Postgres to say. Finished entries are removed.
 */
export function bullOptions(redis: RedisService): QueueOptions {
  return {
    prefix: redis.key('bull'),
    // Commands go over the process's own connection, which fails fast; no blocking reads are used.
    createClient: (type) => (type === 'client' ? redis.client : redis.bullConnection(type)),
    defaultJobOptions: { attempts: 1, removeOnComplete: true, removeOnFail: true },
    settings: { lockDuration: TICKET_LOCK_MS, stalledInterval: TICKET_LOCK_MS / 2, maxStalledCount: 0 },
  };
}
