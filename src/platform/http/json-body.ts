import type { FastifyInstance, FastifyRequest } from 'fastify';
import { AppError } from '../errors/app-error';
import { type BodyLimits, readBody } from './read-body';
import { parseStrictJson } from './strict-json';

/** Largest JSON body, in bytes. */
export const JSON_LIMIT = 256 * 1024;

const CHARSET = /;\s*charset\s*=\s*"?([^;"\s]*)/gi;

/** Only application/json in UTF-8 is read as JSON; other types are for the routes that ask for them. */
export function useStrictJson(fastify: FastifyInstance, timeoutMs: number): void {
  const limits: BodyLimits = { bytes: JSON_LIMIT, ms: timeoutMs };
  fastify.removeContentTypeParser(['application/json', 'text/plain']);
  // Read by ourselves: Fastify would wait for a slow body as long as for the largest upload.
  fastify.addContentTypeParser('application/json', async (request: FastifyRequest) => {
    refuseOtherCharsets(request.headers['content-type'] ?? '');
    if (Number(request.headers['content-length'] ?? 0) > limits.bytes)
      throw new AppError('PAYLOAD_TOO_LARGE');
    const body = await readBody(request.raw, limits);
    // Many clients name a type although they send nothing.
    return body.length === 0 ? undefined : parseStrictJson(decodeUtf8(body));
  });
}

function refuseOtherCharsets(contentType: string): void {
  for (const [, charset] of contentType.matchAll(CHARSET))
    if (charset?.toLowerCase() !== 'utf-8')
      throw new AppError('UNSUPPORTED_MEDIA_TYPE', 'Send JSON in UTF-8.');
}

/** A byte order mark is kept, and is then no JSON: RFC 8259, 8.1 forbids to send one. */
function decodeUtf8(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch (cause) {
    throw new AppError('VALIDATION_ERROR', 'The body is not valid UTF-8.', { cause });
  }
}
