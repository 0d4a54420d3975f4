import type { INestApplicationContext, Type } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { Module } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { GatewayAdapter } from '../../src/gateway/gateway.adapter';
import { GatewayModule } from '../../src/gateway/gateway.module';
import { EnvelopeInterceptor } from '../../src/platform/http/envelope';
import { ErrorFilter } from '../../src/platform/http/exception.filter';
import { fastifyAdapter, setUpFastify } from '../../src/platform/http/fastify';
import { StrictValidationPipe } from '../../src/platform/http/validation';
import { PlatformModule } from '../../src/platform/platform.module';
import type { Role } from '../../src/platform/security/roles';
import type { Env } from '../../src/platform/settings/env';
import { SsotHttpModule } from '../../src/ssot/ssot-http.module';
import { AuthService } from '../../src/user-api/auth/auth.service';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testEnv, type Variables } from '../support/env';
import { HttpClient } from '../support/http-client';
import { redisForTest, type TestRedis } from '../support/redis';
import { makeUser, saveSettings } from '../support/users';

@Module({
  providers: [
    { provide: APP_FILTER, useClass: ErrorFilter },
    { provide: APP_INTERCEPTOR, useClass: EnvelopeInterceptor },
    { provide: APP_PIPE, useClass: StrictValidationPipe },
  ],
})
class HttpParts {}

/** One process' worth of the read side, within the test. */
export interface ReadProcess {
  app: INestApplicationContext;
  env: Env;
  url: string;
  wsUrl: string;
  get<T>(token: Type<T>): T;
}

/** A user of the test with a session. */
export interface Person {
  id: string;
  sessionId: string;
  token: string;
  client(process: ReadProcess): HttpClient;
}

/** An installation of the read side: one database, one Redis prefix, as many processes as the test starts. */
export class ReadsideTest {
  private readonly processes: INestApplicationContext[] = [];

  private constructor(
    readonly database: TestDatabase,
    readonly redis: TestRedis,
    private readonly variables: Variables,
  ) {}

  /** @param variables for every process, such as DATABASE_URL or REDIS_URL of servers that the test may stop */
  static async start(variables: Variables = {}): Promise<ReadsideTest> {
    const test = new ReadsideTest(await createTestDatabase(), redisForTest(), variables);
    await saveSettings(test.database);
    return test;
  }

  /** Variables for the processes that are started from now on. */
  use(variables: Variables): void {
    Object.assign(this.variables, variables);
  }

  /** The read model and the gateway, over HTTP and WebSocket, as the api process has them. */
  async api(): Promise<ReadProcess> {
    const env = await this.env();
    const module = await Test.createTestingModule({
      imports: [PlatformModule.forRoot(env), HttpParts, SsotHttpModule, GatewayModule],
    }).compile();
    const app = module.createNestApplication<NestFastifyApplication>(fastifyAdapter(env), {
      bodyParser: false,
    });
    app.useWebSocketAdapter(new GatewayAdapter(app));
    await setUpFastify(app, env);
    await app.listen(0, '127.0.0.1');
    return this.keep(app, env, await app.getUrl());
  }

  /** A process of these modules without HTTP. */
  async context(modules: Type[]): Promise<ReadProcess> {
    const env = await this.env();
    const module = await Test.createTestingModule({
      imports: [PlatformModule.forRoot(env), ...modules],
    }).compile();
    await module.init();
    return this.keep(module, env, '');
  }

  /** A new user, signed in. */
  async person(process: ReadProcess, role: Role = 'admin'): Promise<Person> {
    const user = await makeUser(this.database, role);
    const client = { ip: '127.0.0.1', userAgent: null, traceId: 'test-trace-id' };
    const answer = await process.get(AuthService).login(user.email, user.password, client);
    const payload = Buffer.from(answer.access_token.split('.')[1] ?? '', 'base64url').toString();
    return {
      id: user.id,
      sessionId: (JSON.parse(payload) as { sid: string }).sid,
      token: answer.access_token,
      client: (at) => new HttpClient(at.url, answer.access_token),
    };
  }

  /** Stops one of the processes. */
  async stop(process: ReadProcess): Promise<void> {
    this.processes.splice(this.processes.indexOf(process.app), 1);
    await process.app.close();
  }

  async close(): Promise<void> {
    await Promise.all(this.processes.map((app) => app.close()));
    await this.redis.close();
    await this.database.drop();
  }

  private async env(): Promise<Env> {
    const { database, redis } = this;
    const installation = {
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      redisUrl: redis.url,
      redisPrefix: redis.prefix,
    };
    this.variables['AGENTOS_HOME'] ??= (await testEnv(installation)).home;
    return testEnv(installation, this.variables);
  }

  private keep(app: INestApplicationContext, env: Env, url: string): ReadProcess {
    this.processes.push(app);
    const get = <T>(token: Type<T>): T => app.get(token, { strict: false });
    return { app, env, url, wsUrl: `ws://127.0.0.1:${env.wsPort}`, get };
  }
}
