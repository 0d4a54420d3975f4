import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { type AgentGraph, AgentRegistry } from '../../media/flow/agent-registry';
import type { FieldError } from '../../platform/errors/app-error';
import { type FleetSettings, MAX_POOL_NAME, type WorkerPool } from '../../platform/settings/fleet.settings';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { isUnnamed, poolsOf } from './pools';

/** Lets no pools be saved that nobody could work in, or that leave an agent of new jobs to nobody. */
@Injectable()
export class PoolRules implements OnModuleInit {
  constructor(
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  onModuleInit(): void {
    this.settings.addCheck((settings) => poolFaults(settings.fleet, this.agents.graphOf(settings)));
  }
}

/** What is wrong with the pools of an installation that has this graph. */
export function poolFaults(fleet: FleetSettings, graph: Pick<AgentGraph, 'nodes' | 'queues'>): FieldError[] {
  const pools = poolsOf(fleet);
  const unserved = graph.nodes.filter(({ enabled }) => enabled).map(({ id }) => id);
  return [
    ...Object.entries(fleet.pools).flatMap(([name, pool]) => faultsOf(name, pool, graph.queues)),
    ...unserved.filter(isUnnamed(pools)).map((agent) => ({
      path: 'settings.fleet.pools',
      message: `no pool serves the agent ${agent}: name it in one, or let one serve all (agents: null)`,
    })),
  ];
}

function faultsOf(name: string, pool: WorkerPool, known: readonly string[]): FieldError[] {
  const { agents, min, max, replicas } = pool;
  const path = `settings.fleet.pools.${name}`;
  const faults: FieldError[] = [];
  if (name.length > MAX_POOL_NAME)
    faults.push({ path, message: `its name must have at most ${MAX_POOL_NAME} characters` });
  if (min > max) faults.push({ path: `${path}.min`, message: `must be at most max, which is ${max}` });
  else if (replicas !== null && (replicas < min || replicas > max))
    faults.push({ path: `${path}.replicas`, message: `must be from min to max, ${min} to ${max}` });
  const unknown = (agents ?? []).filter((agent) => !known.includes(agent));
  if (unknown.length > 0)
    faults.push({ path: `${path}.agents`, message: `there is no agent ${unknown.join(', ')}` });
  return faults;
}
