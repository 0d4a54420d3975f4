import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { ApiBearerAuth, ApiBody, ApiConsumes, ApiHeader, ApiTags } from '@nestjs/swagger';
import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ChunkReceiver } from '../../media/uploads/chunk-receiver';
import { UploadFinalizer } from '../../media/uploads/upload-finalizer';
import { UploadsService } from '../../media/uploads/uploads.service';
import { AppError } from '../../platform/errors/app-error';
import { fieldErrors, namedField } from '../../platform/errors/field-errors';
import { Roles } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import type { Paginated } from '../../platform/http/envelope';
import { Db } from '../../platform/postgres/db';
import type { Actor } from '../../platform/security/roles';
import { countUpTo } from '../counting';
import { ownerScope } from '../owner-scope';
import { pageOf, sliceOf } from '../paging.dto';
import { ChunkBodies } from './chunk-body';
import { uploadStatusView, uploadView } from './upload-views';
import {
  ChunkQuery,
  ChunkResult,
  ChunkTarget,
  FinalizeUploadBody,
  FinalizeUploadResult,
  InitUploadBody,
  InitUploadResult,
  UploadIdParam,
  UploadsQuery,
  UploadStatusView,
  UploadView,
} from './uploads.dto';

/** A body that was refused is read to its end, so that the answer arrives, unless it is longer than this, in bytes. */
const DRAIN_BYTES = 1 << 30;

/** Files on their way in: begun, sent in chunks, finalized. */
@ApiTags('upload')
@ApiBearerAuth()
@Controller('api/upload')
export class UploadsController {
  constructor(
    @Inject(UploadsService) private readonly uploads: UploadsService,
    @Inject(ChunkReceiver) private readonly receiver: ChunkReceiver,
    @Inject(UploadFinalizer) private readonly finalizer: UploadFinalizer,
    @Inject(ChunkBodies) private readonly bodies: ChunkBodies,
    @Inject(Db) private readonly db: Db,
  ) {}

  /**
   * Begins an upload.
   *
   * @remarks The answer says how the file has to be cut into chunks.
   */
  @Post('init')
  @Roles('admin', 'operator', 'supervisor', 'user')
  @ApiData(InitUploadResult, { status: 201, description: 'Send the chunks now.' })
  @ApiErrors('VALIDATION_ERROR', 'PAYLOAD_TOO_LARGE', 'QUOTA_EXCEEDED', 'FORBIDDEN', 'MAINTENANCE')
  async init(@CurrentActor() actor: Actor, @Body() body: InitUploadBody): Promise<InitUploadResult> {
    const upload = await this.uploads.init({
      userId: actor.userId,
      filename: body.filename,
      sizeBytes: body.size,
      contentType: body.content_type,
      sha256: body.sha256,
      chunkSize: body.chunk_size,
    });
    return {
      upload_id: upload.id,
      filename: upload.filename,
      chunk_size: upload.chunkSize,
      chunk_count: upload.chunkCount,
      expires_at: upload.expiresAt.toISOString(),
    };
  }

  /**
   * Sends one chunk.
   *
   * @remarks Chunks may come in any order, several at a time. Sending one again is harmless; with other bytes it is a
   * conflict. A chunk whose connection was cut leaves nothing and is sent again.
   */
  @Post('chunk')
  @HttpCode(200)
  @Roles('admin', 'operator', 'supervisor', 'user')
  @ApiConsumes('application/octet-stream', 'multipart/form-data')
  @ApiBody({
    description: 'The bytes of the chunk, or a form with upload_id, index and then file.',
    schema: { type: 'string', format: 'binary' },
  })
  @ApiHeader({
    name: 'X-Chunk-Sha256',
    required: false,
    description: 'SHA-256 of the chunk in hexadecimal; other bytes are refused.',
  })
  @ApiData(ChunkResult)
  @ApiErrors('VALIDATION_ERROR', 'CHECKSUM_MISMATCH', 'UPLOAD_NOT_FOUND', 'UPLOAD_EXPIRED', 'UPLOAD_NOT_OPEN', 'CHUNK_CONFLICT',
    'PAYLOAD_TOO_LARGE', 'UNSUPPORTED_MEDIA_TYPE', 'REQUEST_TIMEOUT', 'STORAGE_FULL', 'FORBIDDEN', 'MAINTENANCE') // prettier-ignore
  async chunk(
    @CurrentActor() actor: Actor,
    @Query() query: ChunkQuery,
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<ChunkResult> {
    try {
      const { body, declaredBytes, fields } = await this.bodies.of(request);
      const target = chunkTarget({ ...fields, ...given(query), ...sha256Header(request) });
      const receipt = await this.receiver.receive({
        userId: actor.userId,
        uploadId: target.upload_id,
        index: target.index,
        body,
        declaredBytes,
        declaredSha256: target.x_chunk_sha256,
      });
      return {
        upload_id: receipt.uploadId,
        index: receipt.index,
        received_bytes: receipt.receivedBytes,
        chunk_bytes: receipt.chunkBytes,
        sha256: receipt.sha256,
      };
    } catch (error) {
      discardRest(request, reply, error);
      throw error;
    }
  }

  /**
   * Puts the chunks together and checks the file.
   *
   * @remarks For an upload that is finalized already, it gives the same answer again.
   */
  @Post('finalize')
  @HttpCode(200)
  @Roles('admin', 'operator', 'supervisor', 'user')
  @ApiData(FinalizeUploadResult)
  @ApiData(FinalizeUploadResult, {
    status: 202,
    description: 'A large file is still being put together: see its status.',
  })
  @ApiErrors('VALIDATION_ERROR', 'CHECKSUM_MISMATCH', 'UPLOAD_NOT_FOUND', 'UPLOAD_EXPIRED', 'UPLOAD_INCOMPLETE', 'STORAGE_FULL',
    'STORAGE_REFUSED', 'SERVICE_UNAVAILABLE', 'FORBIDDEN', 'MAINTENANCE') // prettier-ignore
  async finalize(
    @CurrentActor() actor: Actor,
    @Body() body: FinalizeUploadBody,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<FinalizeUploadResult> {
    const upload = await this.finalizer.finalize(body.upload_id, actor.userId, body.sha256);
    const done = upload.status === 'finalized';
    if (!done) void reply.status(202);
    return {
      upload_id: upload.id,
      status: done ? 'finalized' : 'finalizing',
      size: upload.sizeBytes,
      sha256: upload.sha256,
    };
  }

  /**
   * What was received of an upload, and what is missing.
   *
   * @remarks With this, an upload goes on after any break.
   */
  @Get('status/:upload_id')
  @Header('cache-control', 'no-store')
  @ApiData(UploadStatusView)
  @ApiErrors('VALIDATION_ERROR', 'UPLOAD_NOT_FOUND', 'MAINTENANCE')
  async status(
    @CurrentActor() actor: Actor,
    @Param() { upload_id }: UploadIdParam,
  ): Promise<UploadStatusView> {
    const { upload, received } = await this.uploads.get(upload_id, ownerScope(actor));
    return uploadStatusView(upload, received);
  }

  /** Uploads, newest first: one's own, or for staff those of everybody. */
  @Get()
  @Header('cache-control', 'no-store')
  @ApiData(UploadView, { list: 'paged' })
  @ApiErrors('VALIDATION_ERROR', 'MAINTENANCE')
  async list(@CurrentActor() actor: Actor, @Query() query: UploadsQuery): Promise<Paginated<UploadView>> {
    const filter = { userId: ownerScope(actor), status: query.status };
    const [uploads, total] = await Promise.all([
      this.uploads.list({ ...filter, ...sliceOf(query) }),
      countUpTo(
        this.db,
        'uploads WHERE ($1::uuid IS NULL OR user_id = $1) AND ($2::text IS NULL OR status = $2)',
        [filter.userId ?? null, filter.status ?? null],
      ),
    ]);
    return pageOf(query, uploads, total, (upload) => upload.id, uploadView);
  }
}

function given(query: ChunkQuery): Partial<ChunkQuery> {
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined));
}

function sha256Header(request: FastifyRequest): { x_chunk_sha256?: string | string[] } {
  const header = request.headers['x-chunk-sha256'];
  return header === undefined ? {} : { x_chunk_sha256: header };
}

function chunkTarget(plain: object): ChunkTarget {
  const target = plainToInstance(ChunkTarget, plain);
  const errors = validateSync(target, { whitelist: true });
  if (errors.length > 0)
    throw new AppError('VALIDATION_ERROR', undefined, { details: fieldErrors(errors, namedField) });
  return target;
}

/** Lets the rest of a refused body go by, so that the client gets to read why; a huge or stalled one is cut instead. */
function discardRest(request: FastifyRequest, reply: FastifyReply, error: unknown): void {
  const stalled = error instanceof AppError && error.code === 'REQUEST_TIMEOUT';
  if (stalled || Number(request.headers['content-length'] ?? 0) > DRAIN_BYTES) {
    void reply.header('connection', 'close');
  } else request.raw.unpipe().resume();
}
