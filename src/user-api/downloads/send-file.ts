import { Logger } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { pipeline } from 'node:stream/promises';
import { AppError } from '../../platform/errors/app-error';
import type { ByteRange } from '../../platform/storage/blob-store';
import { parseByteRange } from './byte-range';
import { contentDisposition } from './content-disposition';

const log = new Logger('Downloads');

/** What a browser may show itself; anything else is only ever saved. */
const SHOWN_INLINE = /^(video\/mp4|image\/(jpeg|png|webp))$/;

/** A file that is never changed. */
export interface ServedFile {
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
  readonly sha256: string;
  readonly createdAt: Date;
  /** Some of its bytes, in pieces that are there until the next one is asked for. */
  pieces(range: ByteRange): AsyncIterable<Buffer>;
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
  const prepare = (): void => setHeaders(reply, file, etag, options.inline);
  if (matches(request.headers['if-none-match'], etag)) {
    prepare();
    return void (await reply.status(304).send());
  }
  const range = wantsRange(request, file, etag)
    ? parseByteRange(request.headers.range, file.sizeBytes)
    : 'whole';
  if (range === 'unsatisfiable') {
    void reply.header('content-range', `bytes */${file.sizeBytes}`);
    throw new AppError('RANGE_NOT_SATISFIABLE', `The file has ${file.sizeBytes} bytes.`);
  }
  const part = range === 'whole' ? { start: 0, end: file.sizeBytes - 1 } : range;
  const length = part.end - part.start + 1;
  // Before the head is made: until then it can be said that something is wrong.
  const body = request.method === 'HEAD' ? undefined : await begun(file.pieces(part), length);
  prepare();
  void reply.header('content-length', length);
  if (range !== 'whole')
    void reply.status(206).header('content-range', `bytes ${part.start}-${part.end}/${file.sizeBytes}`);
  // Fastify would set a length of zero for an answer without a body, and keep a stream of its own for one with.
  reply.hijack();
  reply.raw.writeHead(reply.statusCode, reply.getHeaders() as Record<string, string>);
  if (body) await send(body, reply, file);
  else reply.raw.end();
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

/** The pieces, of which the first is there. @throws Error at the last one if they are shorter together than `length` */
async function begun(pieces: AsyncIterable<Buffer>, length: number): Promise<() => AsyncGenerator<Buffer>> {
  const rest = pieces[Symbol.asyncIterator]();
  const first = await rest.next();
  return async function* () {
    let left = length;
    try {
      for (let piece = first; !piece.done; piece = await rest.next()) {
        left -= piece.value.length;
        yield piece.value;
      }
    } finally {
      await rest.return?.();
    }
    if (left > 0) throw new Error(`its last ${left} bytes are missing`);
  };
}

/** Sends a piece whenever the one before is on its way; whoever goes meanwhile needs no more. */
async function send(
  body: () => AsyncGenerator<Buffer>,
  reply: FastifyReply,
  file: ServedFile,
): Promise<void> {
  try {
    await pipeline(body, reply.raw);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE') return;
    // The connection is cut, which is all that a client can be told by now.
    log.warn(`The file ${file.sha256} was not sent to its end: ${(error as Error).message}`);
  }
}
