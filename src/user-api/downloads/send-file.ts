import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { AppError } from '../../platform/errors/app-error';
import { parseByteRange } from './byte-range';
import { contentDisposition } from './content-disposition';

/** What a browser may show itself; anything else is only ever saved. */
const SHOWN_INLINE = /^(video\/mp4|image\/(jpeg|png|webp))$/;

/** A file that is never changed. */
export interface ServedFile {
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly createdAt: Date;
  /** The bytes `start` to `end`, both included, or all. */
  open(range?: { start: number; end: number }): Promise<Readable>;
}

/**
 * Answers with a file or the part that the request asks for (RFC 9110: Range, If-Range, If-None-Match, HEAD).
 *
 * @throws AppError RANGE_NOT_SATISFIABLE
 */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: ServedFile,
  options: { inline: boolean },
): Promise<void> {
  const etag = `"${file.sha256}"`;
  setHeaders(reply, file, etag, options.inline);
  if (matches(request.headers['if-none-match'], etag)) return void (await reply.status(304).send());
  const range = wantsRange(request, file, etag)
    ? parseByteRange(request.headers.range, file.sizeBytes)
    : 'whole';
  if (range === 'unsatisfiable') {
    clearFileHeaders(reply);
    void reply.header('content-range', `bytes */${file.sizeBytes}`);
    throw new AppError('RANGE_NOT_SATISFIABLE', `The file has ${file.sizeBytes} bytes.`);
  }
  const part = range === 'whole' ? { start: 0, end: file.sizeBytes - 1 } : range;
  if (range !== 'whole') {
    void reply.status(206).header('content-range', `bytes ${part.start}-${part.end}/${file.sizeBytes}`);
  }
  void reply.header('content-length', part.end - part.start + 1);
  if (request.method === 'HEAD') return answerHead(reply);
  await reply.send(await file.open(range === 'whole' ? undefined : part));
}

function setHeaders(reply: FastifyReply, file: ServedFile, etag: string, inline: boolean): void {
  const shown = inline && SHOWN_INLINE.test(file.contentType);
  void reply.headers({
    'accept-ranges': 'bytes',
    'cache-control': 'private, max-age=3600, immutable',
    'content-disposition': contentDisposition(shown ? 'inline' : 'attachment', file.name),
    'content-type': file.contentType,
    // What is shown inside another site's page may not run anything, whatever a browser takes it for.
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    'cross-origin-resource-policy': 'cross-origin',
    etag,
    'last-modified': file.createdAt.toUTCString(),
    'x-content-type-options': 'nosniff',
  });
}

function clearFileHeaders(reply: FastifyReply): void {
  for (const name of ['cache-control', 'content-disposition', 'etag', 'last-modified'])
    reply.removeHeader(name);
}

/** A range counts for GET only, and unless If-Range names another version. */
function wantsRange(request: FastifyRequest, file: ServedFile, etag: string): boolean {
  if (request.method !== 'GET') return false;
  const condition = request.headers['if-range'];
  return condition === undefined || condition === etag || condition === file.createdAt.toUTCString();
}

/** Whether an If-None-Match header names the version (compared weakly). */
function matches(header: string | undefined, etag: string): boolean {
  if (header === undefined) return false;
  return header.split(',').some((entry) => ['*', etag, `W/${etag}`].includes(entry.trim()));
}

/** The headers alone. Fastify would set a length of zero for an answer without a body. */
function answerHead(reply: FastifyReply): void {
  reply.hijack();
  reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
  reply.raw.end();
}
