import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyAdapter } from '@nestjs/platform-fastify';
import type { FastifyRequest } from 'fastify';
import type { Readable } from 'node:stream';
import { AppError } from '../../platform/errors/app-error';
import { readMultipart } from './multipart-chunk';

const CHUNK_ROUTE = '/api/upload/chunk';

/** A chunk in a request, its bytes still unread. */
export interface ChunkBody {
  body: Readable;
  /** How many bytes it has, where the request tells. */
  declaredBytes?: number;
  /** Fields that came along in the body. */
  fields: Readonly<Record<string, string>>;
}

/** Lets the route of chunks, and no other, have its body as a stream. */
@Injectable()
export class ChunkBodies implements OnModuleInit {
  constructor(@Inject(HttpAdapterHost) private readonly host: HttpAdapterHost<FastifyAdapter>) {}

  onModuleInit(): void {
    // A process without HTTP (the manager) may import the module, too.
    const fastify = this.host.httpAdapter?.getInstance();
    fastify?.addContentTypeParser(
      ['application/octet-stream', 'multipart/form-data'],
      (request: FastifyRequest, body, done) => {
        if (request.routeOptions.url === CHUNK_ROUTE) done(null, body);
        else done(new AppError('UNSUPPORTED_MEDIA_TYPE'), undefined);
      },
    );
  }

  /**
   * The chunk that a request carries: its whole body, or the file of a form.
   *
   * @throws AppError UNSUPPORTED_MEDIA_TYPE; VALIDATION_ERROR for a malformed form
   */
  async of(request: FastifyRequest): Promise<ChunkBody> {
    const type = (request.headers['content-type'] ?? '').split(';')[0]?.trim().toLowerCase();
    if (type === 'multipart/form-data') return readMultipart(request.raw);
    if (type !== 'application/octet-stream') throw new AppError('UNSUPPORTED_MEDIA_TYPE');
    const length = request.headers['content-length'];
    return {
      body: request.raw,
      declaredBytes: length === undefined ? undefined : Number(length),
      fields: {},
    };
  }
}
