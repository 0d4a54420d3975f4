import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { PlatformModule } from '../../src/platform/platform.module';
import type { Env } from '../../src/platform/settings/env';
import { createTestDatabase, type TestDatabase } from './database';
import { testEnv, type Variables } from './env';
import { redisForTest, type TestRedis } from './redis';

/** Parts of the product, running within the test on a database and a Redis prefix of its own. */
export interface TestApp {
  env: Env;
  database: TestDatabase;
  redis: TestRedis;
  app: INestApplicationContext;
  /** A provider of the application. */
  get<T>(token: Type<T> | (abstract new (...args: never[]) => T)): T;
  /** Stops the application and removes its data. */
  close(): Promise<void>;
}

/** Starts the platform and `modules` on it, without HTTP. Managers' loops, workers and sockets run only if a module starts them. */
export async function bootModules(
  modules: (Type | DynamicModule)[],
  overrides: Variables = {},
): Promise<TestApp> {
  return boot(overrides, async (env) => {
    const module = await Test.createTestingModule({
      imports: [PlatformModule.forRoot(env), ...modules],
    }).compile();
    module.enableShutdownHooks([]);
    return module.init();
  });
}

/** Starts whatever `create` makes of an environment: `createApi`, `createWorker`, `createManager` of src/apps. */
export async function boot(
  overrides: Variables,
  create: (env: Env) => Promise<INestApplicationContext>,
): Promise<TestApp> {
  const database = await createTestDatabase();
  const redis = redisForTest();
  const env = await testEnv(
    {
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      redisUrl: redis.url,
      redisPrefix: redis.prefix,
    },
    overrides,
  );
  const app = await create(env);
  return {
    env,
    database,
    redis,
    app,
    get: (token) => app.get(token, { strict: false }),
    close: async () => {
      await app.close();
      await redis.close();
      await database.drop();
      rmSync(dirname(env.home), { recursive: true, force: true });
    },
  };
}
