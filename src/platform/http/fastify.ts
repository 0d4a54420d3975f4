import type { IncomingMessage } from 'node:http';
import cors from '@fastify/cors';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyInstance } from 'fastify';
import { AppError } from '../errors/app-error';
import { clientIp, IpAllowList } from '../security/ip-allow-list';
import type { Env } from '../settings/env';
import { httpSeries } from '../telemetry/http-series';
import { API_VERSION, versionFault } from './api-version';
import { AllowedMethods } from './allowed-methods';
import { answerUnparsed, answerUnroutable, refuseExpectations } from './connection-errors';
import { JSON_LIMIT, useStrictJson } from './json-body';
import './request';
import { headFault } from './request-head';
import { traceRequests } from './request-trace';
import { securityHeaders } from './security-headers';

const EXPOSED_HEADERS = [
  'api-version',
  'x-trace-id',
  'retry-after',
  'ratelimit',
  'ratelimit-policy',
  'etag',
  'idempotent-replayed',
];

/** What CORS adds to an answer to a request that names no origin. */
export const CORS_HEADERS = { vary: 'Origin', 'access-control-expose-headers': EXPOSED_HEADERS.join(', ') };

/** The Fastify server with limits against slow and oversized requests. */
export function fastifyAdapter(env: Pick<Env, 'httpTimeoutMs'>): FastifyAdapter {
  return new FastifyAdapter({
    bodyLimit: JSON_LIMIT,
    trustProxy: false,
    // A chunk of 100 MiB may take minutes on a slow line; headers may not, and JSON has a limit of its own.
    requestTimeout: 600_000,
    connectionTimeout: 0,
    keepAliveTimeout: 65_000,
    http: {
      headersTimeout: env.httpTimeoutMs,
      connectionsCheckingInterval: Math.ceil(env.httpTimeoutMs / 3),
      // Checked by headFault, which answers with a body and a trace id.
      requireHostHeader: false,
    },
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    clientErrorHandler: answerUnparsed,
    frameworkErrors: answerUnroutable,
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
  fastify.decorateRequest('refusal', undefined);
  const allowed = new AllowedMethods();
  fastify.decorate('allowedMethods', allowed);
  fastify.addHook('onRoute', ({ method, url }) => allowed.add(method, url));
  traceRequests(fastify);
  fastify.addHook('onRequest', (request, reply, done) => {
    request.startedAt = performance.now();
    request.clientIp = clientOf(request.raw, trusted);
    const fault = headFault(request.raw);
    if (fault) void reply.header('connection', 'close');
    done(fault ?? versionFault(request.raw));
  });
  answerOptions(fastify);
  fastify.addHook('onResponse', (request, reply, done) => {
    const route = request.routeOptions.url ?? 'unknown';
    const seconds = (performance.now() - request.startedAt) / 1000;
    httpSeries(request.method, route).answered(reply.statusCode, seconds);
    done();
  });
  closeIdleUntilClosed(fastify);
  refuseExpectations(fastify.server);
  useStrictJson(fastify, env.httpTimeoutMs);
  const security = { ...(await securityHeaders()), 'api-version': API_VERSION };
  fastify.decorate('securityHeaders', security);
  fastify.addHook('onRequest', (_request, reply, done) => {
    void reply.headers(security);
    done();
  });
  await app.register(cors, {
    origin: env.corsOrigins,
    credentials: false,
    strictPreflight: false,
    exposedHeaders: EXPOSED_HEADERS,
  });
}

/** Says which methods a path answers, to whoever asks outside of a browser's preflight (that is for CORS). */
function answerOptions(fastify: FastifyInstance): void {
  fastify.addHook('onRequest', (request, reply, done) => {
    if (request.method !== 'OPTIONS' || request.headers['access-control-request-method'] !== undefined)
      return done();
    const methods = fastify.allowedMethods.of(request.url);
    if (methods.length === 0) return done(new AppError('NOT_FOUND'));
    void reply.status(204).header('allow', methods.join(', ')).send();
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

/** Where a request comes from; X-Forwarded-For counts only behind trusted proxies. */
export function clientOf({ headers, socket }: IncomingMessage, trusted: IpAllowList): string {
  const forwarded = headers['x-forwarded-for'];
  return clientIp(
    socket.remoteAddress ?? '',
    Array.isArray(forwarded) ? forwarded.join(',') : forwarded,
    trusted,
  );
}
