import { randomBytes } from 'node:crypto';
import { Redis } from 'ioredis';
import { serverAddresses } from './database';

/** The run's Redis, with a prefix of its own for one test file. */
export interface TestRedis {
  url: string;
  prefix: string;
  /** The test's own connection. */
  client: Redis;
  close(): Promise<void>;
}

/** A key space of its own, on the run's Redis unless told otherwise. Nothing but this file reads or writes under `prefix`. */
export function redisForTest(url = serverAddresses().redisUrl): TestRedis {
  const client = new Redis(url);
  return {
    url,
    prefix: `test${randomBytes(5).toString('hex')}`,
    client,
    close: async () => {
      await client.quit();
    },
  };
}
