import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import { ApiBearerAuth, ApiTags } from '@nestjs/swagger';
import { Roles } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiErrors } from '../../platform/http/api-errors';
import type { Paginated } from '../../platform/http/envelope';
import { pageOf, sliceOf } from '../paging.dto';
import { AgentConfigView } from './agent-config-view';
import { AgentLogLine, AgentLogsQuery, AgentsConfig } from './agent-config.dto';
import { AgentFiguresQuery } from './agent-figures';
import { healthOf } from './agent-health';
import { AgentQueries } from './agent-queries';
import { agentDetail, agentQueue, HOUR_S, logLine } from './agent-views';
import {
  AgentDetail,
  AgentIdParam,
  AgentPerformance,
  AgentQueue,
  AgentsHealth,
  AgentStatus,
} from './agents.dto';
import { AgentsNow, statusOf } from './agents-now';

/** Who operates the platform. What agents are configured with and fail over is not for everybody. */
const STAFF = ['admin', 'operator', 'supervisor', 'readonly'] as const;

/** The agents: what they are, what they do, how they do it. */
@ApiTags('agents')
@ApiBearerAuth()
@Controller('api/agents')
export class AgentsController {
  constructor(
    @Inject(AgentsNow) private readonly agents: AgentsNow,
    @Inject(AgentQueries) private readonly queries: AgentQueries,
    @Inject(AgentFiguresQuery) private readonly figures: AgentFiguresQuery,
    @Inject(AgentConfigView) private readonly config: AgentConfigView,
  ) {}

  /**
   * All agents, in the order in which a job passes through them.
   *
   * @remarks For everybody who is signed in; all else about agents is for those who operate the platform.
   */
  @Get('status')
  @Header('cache-control', 'no-store')
  @ApiData(AgentStatus, { list: true })
  @ApiErrors('MAINTENANCE')
  async status(): Promise<AgentStatus[]> {
    const now = await this.agents.read();
    return now.nodes.map((node) => statusOf(node, now));
  }

  /**
   * How the agents have done over the last hour and the last 24 hours.
   *
   * @remarks At most the newest 5,000 steps of an agent are looked at; `sampled` says where there were more.
   */
  @Get('performance')
  @Roles(...STAFF)
  @Header('cache-control', 'no-store')
  @ApiData(AgentPerformance, { list: true })
  @ApiErrors('FORBIDDEN', 'MAINTENANCE')
  async performance(): Promise<AgentPerformance[]> {
    const ids = (await this.agents.read()).nodes.map(({ id }) => id);
    const [hour, day] = await Promise.all([
      this.figures.over(ids, HOUR_S),
      this.figures.over(ids, 24 * HOUR_S),
    ]);
    return ids.flatMap((agent_id) => {
      const [last_1h, last_24h] = [hour.get(agent_id), day.get(agent_id)];
      return last_1h && last_24h ? [{ agent_id, last_1h, last_24h }] : [];
    });
  }

  /**
   * Whether the agents do their work, and what is wrong where they do not.
   *
   * @remarks `down`: no worker serves it; `degraded`: half of the last hour's steps failed, of at least five, or one
   * waits for more than ten minutes, or Redis does not answer. The answer is 200 in every state.
   */
  @Get('health')
  @Roles(...STAFF)
  @Header('cache-control', 'no-store')
  @ApiData(AgentsHealth)
  @ApiErrors('FORBIDDEN', 'MAINTENANCE')
  async health(): Promise<AgentsHealth> {
    const now = await this.agents.read();
    const ids = now.nodes.map(({ id }) => id);
    const [lastHour, oldest] = await Promise.all([
      this.figures.over(ids, HOUR_S),
      this.queries.oldestWaiting(ids),
    ]);
    return healthOf(now, { lastHour, oldest, at: new Date() });
  }

  /** The graph that new jobs get, how its agents are set up, and what agents can be added. */
  @Get('config')
  @Roles(...STAFF)
  @Header('cache-control', 'no-store')
  @ApiData(AgentsConfig)
  @ApiErrors('FORBIDDEN', 'MAINTENANCE')
  configuration(): Promise<AgentsConfig> {
    return this.config.read();
  }

  /**
   * What happened to the steps of an agent, newest first.
   *
   * @remarks Failures, further tries, and steps that were left out. Read on with `cursor`.
   */
  @Get('logs/:agent_id')
  @Roles(...STAFF)
  @Header('cache-control', 'no-store')
  @ApiData(AgentLogLine, { list: 'paged' })
  @ApiErrors('VALIDATION_ERROR', 'AGENT_NOT_FOUND', 'FORBIDDEN', 'MAINTENANCE')
  async logs(
    @Param() { agent_id }: AgentIdParam,
    @Query() query: AgentLogsQuery,
  ): Promise<Paginated<AgentLogLine>> {
    this.agents.find(agent_id);
    const [rows, total] = await Promise.all([
      this.queries.logs(agent_id, query.level, sliceOf(query)),
      this.queries.logLines(agent_id, query.level),
    ]);
    return pageOf(query, rows, total, (row) => row.id, logLine);
  }

  /** The queue of an agent, and what is next in it. */
  @Get('queue/:agent_id')
  @Roles(...STAFF)
  @Header('cache-control', 'no-store')
  @ApiData(AgentQueue)
  @ApiErrors('VALIDATION_ERROR', 'AGENT_NOT_FOUND', 'FORBIDDEN', 'MAINTENANCE')
  async queue(@Param() { agent_id }: AgentIdParam): Promise<AgentQueue> {
    this.agents.find(agent_id);
    const [now, waiting, oldest] = await Promise.all([
      this.agents.read(),
      this.queries.waitingSteps(agent_id),
      this.queries.oldestWaiting([agent_id]),
    ]);
    return agentQueue(agent_id, now, waiting, oldest.get(agent_id));
  }

  /** An agent: what runs, who serves it, how it does, what failed last. */
  @Get(':agent_id')
  @Roles(...STAFF)
  @Header('cache-control', 'no-store')
  @ApiData(AgentDetail)
  @ApiErrors('VALIDATION_ERROR', 'AGENT_NOT_FOUND', 'FORBIDDEN', 'MAINTENANCE')
  async get(@Param() { agent_id }: AgentIdParam): Promise<AgentDetail> {
    const node = this.agents.find(agent_id);
    const [now, active, failure, figures] = await Promise.all([
      this.agents.read(),
      this.queries.activeSteps(agent_id),
      this.queries.lastFailure(agent_id),
      this.figures.over([agent_id], HOUR_S),
    ]);
    return agentDetail(node, now, active, failure, figures.get(agent_id));
  }
}
