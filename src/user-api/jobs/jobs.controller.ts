import { Body, Controller, Get, Header, Inject, Param, Post, Req } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyRequest } from 'fastify';
import { JobsService } from '../../media/jobs/jobs.service';
import { AppError } from '../../platform/errors/app-error';
import { Roles } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import type { Actor } from '../../platform/security/roles';
import { ClipQueries } from '../clips/clip-queries';
import { ClipView } from '../clips/clips.dto';
import { ownerScope } from '../owner-scope';
import { JobQueries } from './job-queries';
import { jobView } from './job-views';
import { CreateJobBody, CreateJobResult, JobIdParam, JobView, RetryAdvice } from './jobs.dto';

/** Jobs: made from uploads, watched. Users see their own, staff those of everybody; what is not theirs does not exist. */
@ApiTags('jobs')
@ApiBearerAuth()
@Controller('api/jobs')
export class JobsController {
  constructor(
    @Inject(JobsService) private readonly jobs: JobsService,
    @Inject(JobQueries) private readonly queries: JobQueries,
    @Inject(ClipQueries) private readonly clips: ClipQueries,
  ) {}

  /**
   * Makes a job of a finalized upload.
   *
   * @remarks It begins as soon as a worker is free.
   */
  @Post('create')
  @Roles('admin', 'operator', 'supervisor', 'user')
  @ApiData(CreateJobResult, { status: 201, description: 'The job waits for a worker.' })
  @ApiErrors(
    'VALIDATION_ERROR',
    'UPLOAD_NOT_FOUND',
    'UPLOAD_EXPIRED',
    'UPLOAD_NOT_FINALIZED',
    'FORBIDDEN',
    'MAINTENANCE',
  )
  async create(
    @CurrentActor() actor: Actor,
    @Body() body: CreateJobBody,
    @Req() request: FastifyRequest,
  ): Promise<CreateJobResult> {
    const { job_id, status } = await this.jobs.create({
      userId: actor.userId,
      uploadId: body.upload_id,
      captionsUploadId: body.captions_upload_id,
      title: body.title,
      priority: body.priority,
      settings: body.settings,
      traceId: request.traceId,
    });
    return { job_id, status };
  }

  /** A job with its steps: how far it is, and why it failed if it did. */
  @Get(':job_id')
  @Header('cache-control', 'no-store')
  @ApiData(JobView)
  @ApiErrors('VALIDATION_ERROR', 'JOB_NOT_FOUND', 'MAINTENANCE')
  async get(@CurrentActor() actor: Actor, @Param() { job_id }: JobIdParam): Promise<JobView> {
    const found = await this.queries.find(job_id, ownerScope(actor));
    if (!found) throw new AppError('JOB_NOT_FOUND');
    return jobView(found.job, found.steps);
  }

  /**
   * The clips of a job in their order, with links to their files.
   *
   * @remarks There are none until the job is completed.
   */
  @Get(':job_id/clips')
  @Header('cache-control', 'no-store')
  @ApiData(ClipView, { list: true })
  @ApiErrors('VALIDATION_ERROR', 'JOB_NOT_FOUND', 'MAINTENANCE')
  async clipsOf(@CurrentActor() actor: Actor, @Param() { job_id }: JobIdParam): Promise<ClipView[]> {
    if (!(await this.queries.exists(job_id, ownerScope(actor)))) throw new AppError('JOB_NOT_FOUND');
    return this.clips.ofJob(job_id);
  }

  /**
   * Whether a job can be retried, and how.
   *
   * @remarks This changes nothing; POST retries.
   */
  @Get(':job_id/retry')
  @Header('cache-control', 'no-store')
  @ApiData(RetryAdvice)
  @ApiErrors('VALIDATION_ERROR', 'JOB_NOT_FOUND', 'MAINTENANCE')
  async retryAdvice(@CurrentActor() actor: Actor, @Param() { job_id }: JobIdParam): Promise<RetryAdvice> {
    const advice = await this.jobs.retryability(job_id, ownerScope(actor));
    return { job_id, ...advice };
  }
}
