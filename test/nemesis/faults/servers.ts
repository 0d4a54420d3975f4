import type { Fault } from './fault';
import { pause } from './fault';

const FLUSH: Fault = {
  kind: 'Redis FLUSHALL',
  weight: 2,
  strike: async (arena) => {
    await arena.redisCommand((redis) => redis.flushall());
    return 'all keys gone';
  },
};

const PAUSE: Fault = {
  kind: 'Redis CLIENT PAUSE',
  weight: 2,
  strike: async (arena, random) => {
    const ms = random.between(300, 4_000);
    await arena.redisCommand((redis) => redis.call('CLIENT', 'PAUSE', ms, 'ALL'));
    await pause(random, ms, ms);
    return `${ms} ms`;
  },
};

const REDIS_RESTART: Fault = {
  kind: 'Redis restart',
  weight: 2,
  strike: async ({ redis }, random) => {
    await redis.stop();
    const ms = await pause(random, 0, 3_000);
    await redis.start();
    return `empty, after ${ms} ms`;
  },
};

const POSTGRES_RESTART: Fault = {
  kind: 'Postgres restart (immediate)',
  weight: 3,
  strike: async ({ postgres }, random) => {
    await postgres.stop();
    const ms = await pause(random, 0, 3_000);
    await postgres.start();
    return `after ${ms} ms`;
  },
};

const CUT: Fault = {
  kind: 'Postgres connections cut',
  weight: 3,
  strike: async (arena) => {
    const cut = await arena.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'agentos_app'`,
    );
    return `${cut.length} connections`;
  },
};

/** What is done to Postgres and Redis. */
export const SERVER_FAULTS: readonly Fault[] = [FLUSH, PAUSE, REDIS_RESTART, POSTGRES_RESTART, CUT];
