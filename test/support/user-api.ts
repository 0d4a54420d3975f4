import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApi } from '../../src/apps/api';
import type { Role } from '../../src/platform/security/roles';
import { boot, type TestApp } from './app';
import { ownerConnection } from './database';
import type { Variables } from './env';
import { HttpClient } from './http-client';
import { makeUser, saveSettings, signIn, TEST_SETTINGS, type TestUser } from './users';

/** The api process within the test: its own database, Redis prefix and folder, over HTTP. */
export interface UserApi extends TestApp {
  /** Where it listens. */
  url: string;
  /** A client that is not signed in. */
  anonymous: HttpClient;
  /** A new user, signed in. */
  user(role?: Role): Promise<{ user: TestUser; client: HttpClient }>;
}

/** What a test wants to be different. */
export interface UserApiOptions {
  /** Parts of the settings, in place of those of {@link TEST_SETTINGS}. */
  settings?: object;
  variables?: Variables;
}

/** Starts the api process on a free port, with limits that a test does not run into. */
export async function bootUserApi({ settings = {}, variables = {} }: UserApiOptions = {}): Promise<UserApi> {
  const test = await boot(variables, async (env) => {
    const owner = ownerConnection(env.migrationDatabaseUrl);
    await saveSettings(owner, { ...TEST_SETTINGS, ...settings });
    await owner.close();
    const app = await createApi(env);
    await app.listen(env.port, env.host);
    return app;
  });
  const app = test.app as NestFastifyApplication;
  const url = await app.getUrl();
  const anonymous = new HttpClient(url);
  return {
    ...test,
    url,
    anonymous,
    close: () => {
      // Bodies that were refused may still be on their way, and nobody waits for them.
      app.getHttpServer().closeAllConnections();
      return test.close();
    },
    async user(role = 'user') {
      const user = await makeUser(test.database, role);
      const { access_token } = await signIn(anonymous, user);
      return { user, client: anonymous.as(access_token) };
    },
  };
}
