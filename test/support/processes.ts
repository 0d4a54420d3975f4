import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { DynamicModule, INestApplicationContext, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { PlatformModule } from '../../src/platform/platform.module';
import { createTestDatabase, type TestDatabase } from './database';
import { testEnv, testVariables, type Variables } from './env';
import { redisForTest, type TestRedis } from './redis';
import { saveSettings, TEST_SETTINGS } from './users';

/** One process' worth of modules. */
export interface TestProcess {
  app: INestApplicationContext;
  /** A provider of the process. */
  get<T>(token: Type<T> | (abstract new (...args: never[]) => T)): T;
}

/** Several processes' worth of the same modules within the test, on one database and one Redis prefix. */
export interface TestProcesses {
  database: TestDatabase;
  redis: TestRedis;
  /** What a real process is started with, to be one of them. */
  variables: Variables;
  /** Starts another one; with `variables`, or further `modules`, for it alone. */
  start(own?: { variables?: Variables; modules?: Type[] }): Promise<TestProcess>;
  close(): Promise<void>;
}

/** Prepares to start processes of `modules`; `settings` are in force from the start. */
export async function processesOf(
  modules: (Type | DynamicModule)[],
  { settings = {}, variables = {} }: { settings?: object; variables?: Variables } = {},
): Promise<TestProcesses> {
  const database = await createTestDatabase();
  const redis = redisForTest();
  await saveSettings(database, { ...TEST_SETTINGS, ...settings });
  const installation = {
    databaseUrl: database.url,
    ownerUrl: database.ownerUrl,
    redisUrl: redis.url,
    redisPrefix: redis.prefix,
  };
  const { home } = await testEnv(installation, variables);
  const started: INestApplicationContext[] = [];
  return {
    database,
    redis,
    variables: testVariables(installation, { ...variables, AGENTOS_HOME: home }),
    async start(own = {}) {
      const env = await testEnv(installation, { ...variables, AGENTOS_HOME: home, ...own.variables });
      const module = await Test.createTestingModule({
        imports: [PlatformModule.forRoot(env), ...modules, ...(own.modules ?? [])],
      }).compile();
      module.enableShutdownHooks([]);
      const app = await module.init();
      started.push(app);
      return { app, get: (token) => app.get(token, { strict: false }) };
    },
    async close() {
      for (const app of started) await app.close(); // closing twice is harmless
      await redis.close();
      await database.drop();
      rmSync(dirname(home), { recursive: true, force: true });
    },
  };
}
