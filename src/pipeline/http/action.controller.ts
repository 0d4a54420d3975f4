import { Controller, Get, HttpCode, Inject, Post, Query, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../platform/errors/app-error';
import { Roles } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { CurrentActor } from '../../platform/http/current-actor';
import { NoEnvelope } from '../../platform/http/envelope';
import { type Actor, ROLES } from '../../platform/security/roles';
import { ACTION_PATH, ActionEndpoint } from './action-endpoint';
import { StatusQuery, StatusView } from './status.dto';
import { StatusReader } from './status-reader';

/** The one write endpoint of the admin side, and what became of what was written. */
@ApiTags('admin')
@ApiBearerAuth()
@Controller(ACTION_PATH)
export class ActionController {
  constructor(
    @Inject(ActionEndpoint) private readonly endpoint: ActionEndpoint,
    @Inject(StatusReader) private readonly status: StatusReader,
  ) {}

  /** Runs an action. */
  @Post()
  @HttpCode(200)
  @Roles(...ROLES)
  @NoEnvelope()
  async run(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    await this.endpoint.run(request, reply);
  }

  /**
   * How an execution of the caller's stands, or to an admin anybody's; without an id, what the caller has run lately, the
   * state of the circuits and what is left of the caller's limits.
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
