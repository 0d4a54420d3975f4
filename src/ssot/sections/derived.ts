import type { AgentsWorkersDto } from '../dto/agents-workers.dto';
import type { DashboardDto, JobsDto } from '../dto/dashboard.dto';
import type { ManagersDto } from '../dto/managers.dto';
import type { QueuesDto } from '../dto/queues.dto';
import type { SystemDto } from '../dto/system.dto';
import { topSlice } from './top-slice';
import type { WorkersFound } from './workers.collector';

/** What is said of an agent wherever it is named. */
export interface AgentFacts {
  readonly id: string;
  readonly title: string;
  readonly version: string;
}

/** Agents and workers, from the numbers that the other sections show too: two pages can never disagree. */
export function agentsAndWorkers(
  agents: readonly AgentFacts[],
  workers: WorkersFound,
  queues: QueuesDto,
): AgentsWorkersDto {
  const lines = agents.map(({ id, title, version }) => {
    const queue = queues.queues.find((one) => one.queue === id);
    const serving = workers.serving[id] ?? 0;
    return {
      agent: id,
      title,
      version,
      status: queue?.paused ? ('paused' as const) : serving > 0 ? ('active' as const) : ('unserved' as const),
      workers: serving,
      waiting: queue?.waiting ?? 0,
      processing: queue?.active ?? 0,
      completed_1h: queue?.completed_1h ?? 0,
      failed_1h: queue?.failed_1h ?? 0,
    };
  });
  return {
    totals: {
      agents: lines.length,
      active_agents: lines.filter((line) => line.status === 'active').length,
      workers: workers.online,
      busy_workers: workers.busy,
    },
    agents: lines,
    workers: workers.list,
  };
}

/** Most agents, and most queues, that are listed one by one. */
const MAX_LISTED = 60;

/** The section with no more agents than are listed: those with most to do. */
export function listedAgents(section: AgentsWorkersDto): AgentsWorkersDto {
  const { agents } = section;
  return { ...section, agents: topSlice(agents, MAX_LISTED, (one) => one.waiting + one.processing) };
}

/** The section with no more queues than are listed: those with most to do. */
export function listedQueues(section: QueuesDto): QueuesDto {
  const { queues } = section;
  return { ...section, queues: topSlice(queues, MAX_LISTED, (one) => one.waiting + one.active) };
}

/** The dashboard, from the numbers of the other sections. */
export function dashboard(
  jobs: JobsDto,
  queues: QueuesDto,
  agents: AgentsWorkersDto,
  managers: ManagersDto,
  system: SystemDto,
): DashboardDto {
  const concerns = [
    system.maintenance.enabled ? 'maintenance mode is on' : undefined,
    system.redis === null ? 'Redis is away' : undefined,
    agents.totals.workers === 0 ? 'no worker is online' : undefined,
    counted(queues.totals.paused, 'queue is paused', 'queues are paused'),
    counted(queues.totals.draining, 'queue takes nothing new in', 'queues take nothing new in'),
    counted(managers.totals.failing, 'manager is failing', 'managers are failing'),
    counted(managers.totals.leaderless, 'manager has no leader', 'managers have no leader'),
  ].filter((concern) => concern !== undefined);
  const sentence = concerns.join(', ');
  return {
    status: concerns.length === 0 ? 'ok' : 'attention',
    summary: concerns.length === 0 ? 'All is well.' : `${sentence[0]?.toUpperCase()}${sentence.slice(1)}.`,
    ...jobs,
    queues: {
      total: queues.totals.queues,
      paused: queues.totals.paused,
      waiting: queues.totals.waiting,
      active: queues.totals.active,
    },
    agents: { total: agents.totals.agents, active: agents.totals.active_agents },
    workers: { online: agents.totals.workers, busy: agents.totals.busy_workers },
    maintenance: system.maintenance.enabled,
  };
}

function counted(count: number, one: string, many: string): string | undefined {
  if (count === 0) return undefined;
  return count === 1 ? `1 ${one}` : `${count} ${many}`;
}
