import { SpanKind } from '@opentelemetry/api';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { markFailed, openScope } from '../telemetry/spans';
import { traceContextOf } from '../telemetry/trace-context';
import { runInTrace } from '../telemetry/trace-scope';
import './request';

/** What monitoring asks for every few seconds would bury the rest. */
const UNTRACED = new Set(['/health', '/health/ready', '/metrics']);

/**
 * Gives each request its trace: `X-Trace-Id` in the answer, its id in all log lines, and where spans are exported
 * one for the request. What the path, the query or a header holds is not recorded: of a path, its template.
 */
export function traceRequests(fastify: FastifyInstance): void {
  fastify.decorateRequest('traceId', '');
  fastify.decorateRequest('trace');
  fastify.addHook('onRequest', (request, reply, done) => {
    const context = traceContextOf(request.headers);
    request.traceId = context.traceId;
    void reply.header('x-trace-id', context.traceId);
    const route = request.routeOptions.url;
    if (route !== undefined && UNTRACED.has(route)) request.trace = context;
    else request.trace = openScope(context, name(request), { kind: SpanKind.SERVER });
    if (request.trace.span) reply.raw.once('close', () => end(request, reply));
    // Fastify itself keeps to it while it reads a body.
    runInTrace(request.trace, done);
  });
}

/** https://opentelemetry.io/docs/specs/semconv/http/http-spans/ */
function name({ method, routeOptions }: FastifyRequest): string {
  return routeOptions.url === undefined ? method : `${method} ${routeOptions.url}`;
}

function end(request: FastifyRequest, reply: FastifyReply): void {
  const { span } = request.trace;
  if (!span) return;
  const status = reply.statusCode;
  span.setAttributes({
    'http.request.method': request.method,
    'http.route': request.routeOptions.url,
    'http.response.status_code': status,
    'network.protocol.version': request.raw.httpVersion,
  });
  if (status >= 500) markFailed(span, String(status));
  // The answer did not reach the client.
  else if (!reply.raw.writableFinished) markFailed(span, 'CLIENT_CLOSED');
  span.end();
}
