import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { Redis, type RedisOptions } from 'ioredis';
import { ENV, type Env } from '../settings/env';

/** What Bull asks connections for: commands, events, or blocking reads. */
export type BullConnectionType = 'client' | 'subscriber' | 'bclient';

/**
 * After so long without a word the kernel asks whether the other end is still there, in milliseconds. Who only listens
 * would not find out otherwise: by default it is asked after two hours.
 */
const KEEP_ALIVE_MS = 10_000;

const reconnect = (attempt: number): number => Math.min(50 * 2 ** attempt, 2_000);

/**
 * The connections to Redis, which is transport and cache and may be empty or away at any moment.
 */
@Injectable()
export class RedisService implements OnApplicationShutdown {
  /** For commands: fails fast while Redis is away, rather than letting requests pile up. */
  readonly client: Redis;
  /** What all keys begin with. */
  readonly prefix: string;
  private readonly log = new Logger(RedisService.name);
  private readonly opened: Redis[] = [];
  private readonly bullShared = new Map<BullConnectionType, Redis>();

  constructor(@Inject(ENV) private readonly env: Env) {
    this.prefix = env.redisPrefix;
    this.client = this.open('commands', {
      maxRetriesPerRequest: 1,
      commandTimeout: 2_000,
      connectTimeout: 2_000,
      enableOfflineQueue: true,
    });
  }

  /** The key of these parts under the prefix of this installation. */
  key(...parts: string[]): string {
    return [this.prefix, ...parts].join(':');
  }

  /** A new connection for SUBSCRIBE, which comes back by itself with its subscriptions. */
  subscriber(): Redis {
    return this.open('subscriber', { maxRetriesPerRequest: null });
  }

  /** A connection as Bull needs it: commands and events are shared, each blocking read has its own. */
  bullConnection(type: BullConnectionType): Redis {
    const options: RedisOptions = { maxRetriesPerRequest: null, enableReadyCheck: false };
    if (type === 'bclient') return this.open('bull bclient', options);
    const shared = this.bullShared.get(type) ?? this.open(`bull ${type}`, options);
    this.bullShared.set(type, shared);
    return shared;
  }

  /** Ends all connections, after everything that uses them has been told to stop. */
  onApplicationShutdown(): void {
    for (const connection of this.opened) connection.disconnect();
  }

  private open(purpose: string, options: RedisOptions): Redis {
    const connection = new Redis(this.env.redisUrl, {
      retryStrategy: reconnect,
      keepAlive: KEEP_ALIVE_MS,
      lazyConnect: this.env.offline,
      ...options,
    });
    let away = false;
    connection.on('error', (error: Error) => {
      if (!away) this.log.warn(`Redis (${purpose}) is away: ${error.message}`);
      away = true;
      // A blip is waited out in the queue; in an outage each command would only wait its time out there.
      if (options.enableOfflineQueue) connection.options.enableOfflineQueue = false;
    });
    connection.on('ready', () => {
      if (away) this.log.log(`Redis (${purpose}) is back`);
      away = false;
      if (options.enableOfflineQueue) connection.options.enableOfflineQueue = true;
    });
    // Bull adds listeners for each of the queues that share a connection.
    connection.setMaxListeners(0);
    this.opened.push(connection);
    return connection;
  }
}
