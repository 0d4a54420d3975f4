import { Body, Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ErrorCode } from '../../platform/errors/error-codes';
import { Roles } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { NoEnvelope } from '../../platform/http/envelope';
import { RunsAction } from '../actions/action-route';
import { RouteActions } from '../actions/route-actions';
import {
  CancelJobBody,
  CancelJobResult,
  JobIdParam,
  JobStatusBody,
  JobStatusResult,
  RetryJobBody,
  RetryJobResult,
} from './jobs.dto';

const ERRORS: ErrorCode[] = [
  'VALIDATION_ERROR',
  'JOB_NOT_FOUND',
  'INVALID_JOB_STATE',
  'FORBIDDEN',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_MISMATCH',
  'CIRCUIT_OPEN',
  'AUDIT_UNAVAILABLE',
  'SERVICE_UNAVAILABLE',
  'TIMEOUT',
  'MAINTENANCE',
];

const IDEMPOTENCY_KEY = {
  name: 'X-Idempotency-Key',
  required: false,
  description: 'With the same key, a request that is sent again takes effect once and gets the same answer.',
};

/**
 * What users do to their jobs. These are the actions job.cancel and job.retry, run by name through the same
 * pipeline, limited to the user's own jobs.
 */
@ApiTags('jobs')
@ApiBearerAuth()
@Controller('api/jobs')
export class JobActionsController {
  constructor(@Inject(RouteActions) private readonly actions: RouteActions) {}

  /**
   * Cancels a job of yours.
   *
   * @remarks What is running is stopped; what is done stays, and a retry can go on from there.
   */
  @Post(':job_id/cancel')
  @RunsAction('job.cancel')
  @HttpCode(200)
  @Roles('admin', 'operator', 'supervisor', 'user')
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(CancelJobResult, { action: true })
  @ApiErrors(...ERRORS)
  async cancel(
    @Param() { job_id }: JobIdParam,
    @Body() body: CancelJobBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const options = body.reason === undefined ? undefined : { reason: body.reason };
    await this.actions.run('job.cancel', { job_id }, { request, reply }, { options, scope: 'own' });
  }

  /**
   * Queues a failed or cancelled job of yours again.
   *
   * @remarks Results of steps that are still good are kept, unless `from` is `start`.
   */
  @Post(':job_id/retry')
  @RunsAction('job.retry')
  @HttpCode(200)
  @Roles('admin', 'operator', 'supervisor', 'user')
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(RetryJobResult, { action: true })
  @ApiErrors(...ERRORS)
  async retry(
    @Param() { job_id }: JobIdParam,
    @Body() body: RetryJobBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const payload = body.from === undefined ? { job_id } : { job_id, from: body.from };
    await this.actions.run('job.retry', payload, { request, reply }, { scope: 'own' });
  }

  /**
   * Puts a job of yours into another state: cancelled, or queued again.
   *
   * @remarks The same as POST cancel and POST retry, by the name of the state. From states that do not lead there
   * it is refused.
   */
  @Post(':job_id/status')
  @RunsAction(null)
  @HttpCode(200)
  @Roles('admin', 'operator', 'supervisor', 'user')
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(JobStatusResult, { action: true })
  @ApiErrors(...ERRORS)
  async status(
    @Param() { job_id }: JobIdParam,
    @Body() { status, reason }: JobStatusBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const options = reason === undefined ? undefined : { reason };
    const action = status === 'cancelled' ? 'job.cancel' : 'job.retry';
    await this.actions.run(action, { job_id }, { request, reply }, { options, scope: 'own' });
  }
}
