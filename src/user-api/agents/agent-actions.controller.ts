import { Body, Controller, HttpCode, Inject, Param, Post, Req, Res } from '@nestjs/common';
import { ApiBearerAuth, ApiHeader, ApiTags } from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { ActionOptions } from '../../pipeline/options.dto';
import type { ErrorCode } from '../../platform/errors/error-codes';
import { AdminNetworks } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import { NoEnvelope } from '../../platform/http/envelope';
import { RunsAction } from '../actions/action-route';
import { type Exchange, RouteActions } from '../actions/route-actions';
import {
  AgentActionBody,
  AgentConfigured,
  AgentOperation,
  AgentPaused,
  ClearAgentQueueBody,
  ConfigureAgentBody,
  RestartAgentsBody,
} from './agent-bodies.dto';
import { AgentIdParam } from './agents.dto';
import { AgentsNow } from './agents-now';

const ERRORS: ErrorCode[] = [
  'VALIDATION_ERROR',
  'FORBIDDEN',
  'IP_NOT_ALLOWED',
  'IDEMPOTENCY_KEY_INVALID',
  'IDEMPOTENCY_IN_PROGRESS',
  'IDEMPOTENCY_MISMATCH',
  'PREVIEW_INVALID',
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
 * What operators do to agents. Each is an action, run by name through the same pipeline: its permission, limits and
 * audit hold here as they do there, and the networks of the admin side do, too.
 */
@ApiTags('agents')
@ApiBearerAuth()
@AdminNetworks()
@Controller('api/agents')
export class AgentActionsController {
  constructor(
    @Inject(RouteActions) private readonly actions: RouteActions,
    @Inject(AgentsNow) private readonly agents: AgentsNow,
  ) {}

  /**
   * Lets workers take steps of an agent again.
   *
   * @remarks The action queue.resume on its queue. Starting an agent that was not stopped succeeds and changes nothing.
   */
  @Post(':agent_id/start')
  @RunsAction('queue.resume')
  @HttpCode(200)
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(AgentPaused, { action: true })
  @ApiErrors(...ERRORS, 'AGENT_NOT_FOUND')
  async start(
    @Param() { agent_id }: AgentIdParam,
    @Body() { options }: AgentActionBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.agents.find(agent_id);
    await this.run('queue.resume', { queue: agent_id }, options, { request, reply });
  }

  /**
   * Lets workers take no more steps of an agent; those that run go on to their end.
   *
   * @remarks The action queue.pause on its queue.
   */
  @Post(':agent_id/stop')
  @RunsAction('queue.pause')
  @HttpCode(200)
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(AgentPaused, { action: true })
  @ApiErrors(...ERRORS, 'AGENT_NOT_FOUND')
  async stop(
    @Param() { agent_id }: AgentIdParam,
    @Body() { options }: AgentActionBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.agents.find(agent_id);
    await this.run('queue.pause', { queue: agent_id }, options, { request, reply });
  }

  /**
   * Restarts all workers one after the other, and with them all agents.
   *
   * @remarks The operation worker.restart_all: at no moment are all of them down. With `options.dry_run` it says, with
   * status 200, which would be restarted.
   */
  @Post('restart')
  @RunsAction('worker.restart_all')
  @HttpCode(202)
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(AgentOperation, { status: 202, action: true, description: 'It goes on in the background.' })
  @ApiErrors(...ERRORS, 'POOL_NOT_FOUND', 'SERVICE_NOT_MANAGED', 'RUNTIME_UNAVAILABLE', 'OPERATION_ABORTED')
  async restart(
    @Body() { options, ...payload }: RestartAgentsBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.run('worker.restart_all', payload, options, { request, reply });
  }

  /**
   * Changes settings and limits of an agent for new jobs, or switches it on or off for them.
   *
   * @remarks The action config.configure_agent. Jobs that exist keep what they were made with.
   */
  @Post('config')
  @RunsAction('config.configure_agent')
  @HttpCode(200)
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(AgentConfigured, { action: true })
  @ApiErrors(...ERRORS, 'AGENT_NOT_FOUND', 'CONFLICT')
  async configure(
    @Body() { options, ...payload }: ConfigureAgentBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    await this.run('config.configure_agent', payload, options, { request, reply });
  }

  /**
   * Takes out all that waits for an agent; the jobs concerned become cancelled.
   *
   * @remarks The operation queue.clear on its queue. With `options.dry_run` it says, with status 200, which jobs these
   * are; with the token of that preview it touches only those.
   */
  @Post('clear-queue')
  @RunsAction('queue.clear')
  @HttpCode(202)
  @NoEnvelope()
  @ApiHeader(IDEMPOTENCY_KEY)
  @ApiData(AgentOperation, { status: 202, action: true, description: 'It goes on in the background.' })
  @ApiErrors(...ERRORS, 'AGENT_NOT_FOUND', 'OPERATION_ABORTED')
  async clearQueue(
    @Body() { options, agent_id }: ClearAgentQueueBody,
    @Req() request: FastifyRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    this.agents.find(agent_id);
    await this.run('queue.clear', { queue: agent_id }, options, { request, reply });
  }

  private async run(
    action: string,
    given: object,
    options: ActionOptions | undefined,
    exchange: Exchange,
  ): Promise<void> {
    const payload = Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined));
    await this.actions.run(action, payload, exchange, { options });
  }
}
