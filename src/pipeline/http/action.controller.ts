import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError, type FieldError } from '../../platform/errors/app-error';
import { bodyField } from '../../platform/errors/field-errors';
import { Roles } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import { NoEnvelope } from '../../platform/http/envelope';
import { type Actor, ROLES } from '../../platform/security/roles';
import { ActionRunner } from '../pipeline';
import { actionCall, sendAnswer } from './action-call';
import { StatusQuery, StatusView } from './status.dto';
import { StatusReader } from './status-reader';

const FIELDS = ['action', 'payload', 'options'];

/** The one write endpoint of the admin side, and what became of what was written. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller('api/admin/action')
export class ActionController {
  constructor(
    @Inject(ActionRunner) private readonly runner: ActionRunner,
    @Inject(StatusReader) private readonly status: StatusReader,
  ) {}

  /** Runs an action. Who may run which is decided, and recorded, in the pipeline. */
  @Post()
  @HttpCode(200)
  @Roles(...ROLES)
  @NoEnvelope()
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { action, payload, options, errors } = readBody(request.body);
    const call = actionCall(request, { options, bodyErrors: errors });
    sendAnswer(reply, await this.runner.run(action, payload, call));
  }

  /**
   * How an execution stands; without an id, what the caller has run lately, the state of the circuits and
   * what is left of the caller's limits.
   */
  @Get('status')
  @Roles('admin', 'operator', 'supervisor', 'readonly')
  @ApiData(StatusView)
  @ApiErrors('VALIDATION_ERROR', 'FORBIDDEN', 'EXECUTION_NOT_FOUND', 'IP_NOT_ALLOWED')
  async get(@CurrentActor() actor: Actor, @Query() query: StatusQuery): Promise<StatusView> {
    if (query.execution_id === undefined) return this.status.overview(actor);
    const execution = await this.status.find(actor, query.execution_id);
    if (!execution) throw new AppError('EXECUTION_NOT_FOUND');
    return { execution };
  }
}

interface Body {
  action: unknown;
  payload: unknown;
  options: unknown;
  /** What is wrong with the body as such. */
  errors: FieldError[];
}

function readBody(body: unknown): Body {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return {
      action: undefined,
      payload: undefined,
      options: undefined,
      errors: [bodyField([], 'must be an object')],
    };
  const { action, payload, options, ...others } = body as Record<string, unknown>;
  const errors = Object.keys(others).map((key) => bodyField([key], `is not one of ${FIELDS.join(', ')}`));
  return { action, payload, options, errors };
}
