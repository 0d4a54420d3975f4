import { NestFactory } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { SwaggerModule } from '@nestjs/swagger';
import { Logger } from 'nestjs-pino';
import { GatewayAdapter } from '../gateway/gateway.adapter';
import { fastifyAdapter, setUpFastify } from '../platform/http/fastify';
import type { Env } from '../platform/settings/env';
import { ApiModule } from './api.module';
import { loadOpenApiMetadata, openApiDocument } from './openapi';

/** The api process, set up but not listening yet. */
export async function createApi(env: Env): Promise<NestFastifyApplication> {
  const app = await NestFactory.create<NestFastifyApplication>(ApiModule.forRoot(env), fastifyAdapter(env), {
    bufferLogs: true,
    abortOnError: false,
    // Ours is stricter; see useStrictJson.
    bodyParser: false,
  });
  app.useLogger(app.get(Logger));
  app.useWebSocketAdapter(new GatewayAdapter(app));
  await setUpFastify(app, env);
  await loadOpenApiMetadata();
  // Made when it is first asked for: most processes never are, and should start the sooner.
  SwaggerModule.setup('docs', app, () => openApiDocument(app), {
    jsonDocumentUrl: 'docs/openapi.json',
    yamlDocumentUrl: 'docs/openapi.yaml',
    customSiteTitle: 'AgentOS API',
    swaggerOptions: { persistAuthorization: true, tryItOutEnabled: true },
  });
  return app;
}
