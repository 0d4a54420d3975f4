import { rmSync } from 'node:fs';
import { dirname } from 'node:path';
import type { INestApplicationContext, Type } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApi } from '../../src/apps/api';
import { createManager } from '../../src/apps/manager';
import type { Role } from '../../src/platform/security/roles';
import { createTestDatabase, type TestDatabase } from './database';
import { testEnv, type Variables } from './env';
import { HttpClient } from './http-client';
import { redisForTest, type TestRedis } from './redis';
import { makeUser, saveSettings, signIn, type TestUser, TEST_SETTINGS } from './users';

/** Several api applications and, if asked for, a manager, within the test, on one database and one Redis prefix. */
export interface TestInstallation {
  apis: NestFastifyApplication[];
  database: TestDatabase;
  redis: TestRedis;
  /** A client of an api that is not signed in. */
  http(api?: number): HttpClient;
  /** The address of the gateway of an api. */
  wsUrl(api?: number): string;
  /** A new user, signed in. */
  user(role: Role): Promise<{ user: TestUser; client: HttpClient; refreshToken: string }>;
  /** The same user at another api. */
  at(client: HttpClient, api: number): HttpClient;
  /** A provider of an api. */
  get<T>(token: Type<T> | (abstract new (...args: never[]) => T), api?: number): T;
  /** Starts a manager application. */
  startManager(): Promise<INestApplicationContext>;
  close(): Promise<void>;
}

/** Starts `apis` api applications; `settings` are in force before the first request. */
export async function startInstallation(
  options: { apis?: number; settings?: object; variables?: Variables; redis?: TestRedis } = {},
): Promise<TestInstallation> {
  const database = await createTestDatabase();
  const redis = options.redis ?? redisForTest();
  await saveSettings(database, options.settings ?? TEST_SETTINGS);
  const installation = {
    databaseUrl: database.url,
    ownerUrl: database.ownerUrl,
    redisUrl: redis.url,
    redisPrefix: redis.prefix,
  };
  const first = await testEnv(installation, options.variables);
  const shared = { ...options.variables, AGENTOS_HOME: first.home };
  const apis: NestFastifyApplication[] = [];
  const wsPorts: number[] = [];
  const others: INestApplicationContext[] = [];
  for (let i = 0; i < (options.apis ?? 2); i++) {
    const env = await testEnv(installation, shared);
    const app = await createApi(env);
    await app.listen(0, '127.0.0.1');
    apis.push(app);
    wsPorts.push(env.wsPort);
  }
  const urls = await Promise.all(apis.map((app) => app.getUrl()));
  const http = (api = 0): HttpClient => new HttpClient(urls[api] ?? '');
  return {
    apis,
    database,
    redis,
    http,
    wsUrl: (api = 0) => `ws://127.0.0.1:${wsPorts[api]}`,
    async user(role) {
      const user = await makeUser(database, role);
      const tokens = await signIn(http(), user);
      return { user, client: http().as(tokens.access_token), refreshToken: tokens.refresh_token };
    },
    at: (client, api) => client.at(urls[api] ?? ''),
    get(token, api = 0) {
      const app = apis[api];
      if (!app) throw new Error(`There is no api ${api}`);
      return app.get(token, { strict: false });
    },
    async startManager() {
      const manager = await createManager(await testEnv(installation, shared));
      others.push(manager);
      return manager;
    },
    async close() {
      for (const app of [...others, ...apis]) await app.close(); // closing twice is harmless
      await redis.close();
      await database.drop();
      rmSync(dirname(first.home), { recursive: true, force: true });
    },
  };
}
