import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';
import { isRecording } from '../telemetry/spans';
import { JSON_LIMIT } from './json-body';
import { versionFault } from './api-version';
import { headFault } from './request-head';

const JSON_TYPES: ReadonlySet<string> = new Set([
  'application/json',
  'application/json; charset=utf-8',
  'application/json;charset=utf-8',
]);

/** Takes a request; `route` gives it to the router after all, as long as nothing of its body has been read. */
export type Front = (request: IncomingMessage, response: ServerResponse, route: () => void) => void;

/**
 * Answers what `takes` picks out in front of Fastify, whose hooks cost more than the whole rest of a short answer. All
 * that Fastify or its plugins would decide (CORS, transfer codings, expectations, other types of bodies, faults in the
 * head, spans, a server that closes) is left to them: `takes` or the front itself
 * holds with {@link isPlainPost} or {@link plainGetHead}.
 */
export function answerInFront(
  fastify: FastifyInstance,
  takes: (request: IncomingMessage) => boolean,
  front: Front,
): void {
  const { server } = fastify;
  const routed = server.listeners('request') as RequestListener[];
  let closing = false;
  fastify.addHook('preClose', (done) => {
    closing = true;
    done();
  });
  server.removeAllListeners('request');
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const route = (): void => {
      for (const listener of routed) listener.call(server, request, response);
    };
    if (!closing && !isRecording() && takes(request)) front(request, response, route);
    else route();
  });
}

/** A post of JSON, and nothing else about it. */
export function isPlainPost(request: IncomingMessage): boolean {
  const { headers } = request;
  const length = Number(headers['content-length']);
  return (
    request.method === 'POST' &&
    length > 0 &&
    length <= JSON_LIMIT &&
    JSON_TYPES.has(headers['content-type'] ?? '') &&
    isPlain(request)
  );
}

function isPlain(request: IncomingMessage): boolean {
  const { headers } = request;
  return (
    headers.origin === undefined &&
    headers.expect === undefined &&
    headers['transfer-encoding'] === undefined &&
    headers.upgrade === undefined &&
    headFault(request) === undefined &&
    versionFault(request) === undefined
  );
}
