import cors from '@fastify/cors';
import helmet from '@fastify/helmet';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors/app-error';
import { clientIp, IpAllowList } from '../security/ip-allow-list';
import type { Env } from '../settings/env';
import { httpDuration, httpRequests } from '../telemetry/metrics';
import { AllowedMethods } from './allowed-methods';
import './request';
import { traceRequests } from './request-trace';
import { parseStrictJson } from './strict-json';

/** Largest JSON body, in bytes. */
export const JSON_LIMIT = 256 * 1024;

/** The Fastify server with limits against slow and oversized requests. */
export function fastifyAdapter(): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: JSON_LIMIT,
    trustProxy: false,
    // A chunk of 100 MiB may take minutes on a slow line; a header may not.
    requestTimeout: 600_000,
    connectionTimeout: 0,
    keepAliveTimeout: 65_000,
    http: { headersTimeout: 15_000, connectionsCheckingInterval: 5_000 },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    routerOptions: { maxParamLength: 2_000, ignoreTrailingSlash: false },
  });
}

/** Trace ids, client addresses, metrics, the JSON reader, CORS and security headers. */
export async function setUpFastify(app: NestFastifyApplication, env: Env): Promise<void> {
  const fastify = app.getHttpAdapter().getInstance();
  const trusted = new IpAllowList(env.trustedProxies);
  fastify.decorateRequest('clientIp', '');
  fastify.decorateRequest('startedAt', 0);
  fastify.decorateRequest('actor', undefined);
  const allowed = new AllowedMethods();
  fastify.decorate('allowedMethods', allowed);
  fastify.addHook('onRoute', ({ method, url }) => allowed.add(method, url));
  traceRequests(fastify);
  fastify.addHook('onRequest', (request, _reply, done) => {
    request.startedAt = performance.now();
    request.clientIp = clientIp(request.socket.remoteAddress ?? '', forwardedFor(request.headers), trusted);
    done();
  });
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    httpRequests.inc({ method: request.method, route, status: String(reply.statusCode) });
    httpDuration.observe({ method: request.method, route }, (performance.now() - request.startedAt) / 1000);
    done();
  });
  closeIdleUntilClosed(fastify);
  useStrictJson(fastify);
  await app.register(helmet, {
    contentSecurityPolicy: false,
    crossOriginResourcePolicy: { policy: 'same-site' },
  });
  await app.register(cors, {
    origin: env.corsOrigins,
    credentials: false,
    exposedHeaders: [
      'x-trace-id',
      'retry-after',
      'ratelimit',
      'ratelimit-policy',
      'etag',
      'idempotent-replayed',
    ],
  });
}

/**
 * Ends kept-alive connections as they become idle while the server closes. Node looks at them only once, when one
 * may still be reading the rest of a body that was refused, and the stop would then wait for its time-out.
 */
function closeIdleUntilClosed(fastify: FastifyInstance): void {
  fastify.addHook('preClose', (done) => {
    const timer = setInterval(() => fastify.server.closeIdleConnections(), 250);
    fastify.server.once('close', () => clearInterval(timer));
    timer.unref();
    done();
  });
}

function forwardedFor(headers: Record<string, string | string[] | undefined>): string | undefined {
  const value = headers['x-forwarded-for'];
  return Array.isArray(value) ? value.join(',') : value;
}

/** Only application/json in UTF-8 is read as JSON; other types are for the routes that ask for them. */
function useStrictJson(fastify: FastifyInstance): void {
  fastify.removeContentTypeParser(['application/json', 'text/plain']);
  fastify.addContentTypeParser(
    'application/json',
    { parseAs: 'buffer', bodyLimit: JSON_LIMIT },
    (request, body: Buffer, done) => {
      const charset = /charset=\s*"?([^;"\s]+)/i.exec(request.headers['content-type'] ?? '')?.[1];
      if (charset !== undefined && charset.toLowerCase() !== 'utf-8')
        return done(new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send JSON in UTF-8.'));
      try {
        done(null, parseStrictJson(decodeUtf8(body)));
      } catch (error) {
        done(error as Error);
      }
    },
  );
}

function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'The body is not valid UTF-8.', { cause });
  }
}
