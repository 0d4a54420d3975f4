import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error';
import { readBody } from './read-body';
import { parseStrictJson } from './strict-json';

/** Largest JSON body, in bytes. */
export const JSON_LIMIT = 256 * 1024;

const CHARSET = /;\s*charset\s*=\s*"?([^;"\s]*)/gi;

/** Only application/json in UTF-8 is read as JSON; other types are for the routes that ask for them. */
export function useStrictJson(fastify: FastifyInstance, timeoutMs: number): void {
  fastify.removeContentTypeParser(['application/json', 'text/plain']);
  // Read by ourselves: Fastify would wait for a slow body as long as for the largest upload.
  fastify.addContentTypeParser('application/json', ({ raw }: FastifyRequest) => readJson(raw, timeoutMs));
}

/**
 * The JSON that a request brings, strictly read; undefined if its body is empty.
 *
 * @param timeoutMs from when it is waited for until its end
 * @throws AppError VALIDATION_ERROR, UNSUPPORTED_MEDIA_TYPE, PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT
 */
export async function readJson(request: IncomingMessage, timeoutMs: number): Promise<unknown> {
  const { headers } = request;
  refuseOtherCharsets(headers['content-type'] ?? '');
  if (Number(headers['content-length'] ?? 0) > JSON_LIMIT) throw new AppError('PAYLOAD_TOO_LARGE');
  const body = await readBody(request, { bytes: JSON_LIMIT, ms: timeoutMs });
  // Many clients name a type although they send nothing.
  return body.length === 0 ? undefined : parseStrictJson(decodeUtf8(body));
}

function refuseOtherCharsets(contentType: string): void {
  if (!contentType.includes(';')) return;
  for (const [, charset] of contentType.matchAll(CHARSET))
    if (charset?.toLowerCase() !== 'utf-8')
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send JSON in UTF-8.');
}

/** A byte order mark is kept, and is then no JSON: RFC 8259, 8.1 forbids to send one. */
function decodeUtf8(body: Buffer): string {
  if (!isUtf8(body)) throw new AppError('VALIDATION_ERROR', 'The body is not valid UTF-8.');
  return body.toString('utf8');
}
