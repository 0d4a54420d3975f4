import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { FieldError } from '../../platform/errors/app-error';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { Settings } from '../../platform/settings/settings';
import { AgentError } from '../agents/agent-error';
import { type AgentGraph, AgentRegistry } from './agent-registry';

/** Lets no graph and no settings of agents be saved that would only fail later, in the middle of a job. */
@Injectable()
export class AgentSettingsRules implements OnModuleInit {
  constructor(
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  onModuleInit(): void {
    this.settings.addCheck((settings) => {
      const graph = this.agents.graphOf(settings);
      return [...graphFaults(graph), ...agentFaults(settings.agents, graph)];
    });
  }
}

function graphFaults(graph: AgentGraph): FieldError[] {
  return graph.faults.map(({ agent, field, message }) => ({
    path: `settings.pipeline.agents.${agent}.${field}`,
    message,
  }));
}

/** What is wrong with settings by agent id: agents and settings that do not exist, values that cannot be used. */
export function agentFaults(
  given: Settings['agents'],
  agents: Pick<AgentGraph, 'ids' | 'get'>,
): FieldError[] {
  const unknown = Object.keys(given).filter((id) => !agents.ids.includes(id));
  return [...unknown, ...agents.ids]
    .flatMap((id) => faultsOf(id, Object.hasOwn(given, id) ? given[id] : {}, agents))
    .map(({ keys, message }) => ({ path: ['settings.agents', ...keys].join('.'), message }));
}

/** A fault of an agent's settings, and where it is: the agent's id and, if it is one of them, the setting. */
export interface AgentFault {
  readonly keys: readonly string[];
  readonly message: string;
}

/**
 * What is wrong with settings of one agent.
 *
 * @param below what holds where they say nothing, over the agent's defaults
 */
export function faultsOf(
  id: string,
  values: unknown,
  agents: Pick<AgentGraph, 'ids' | 'get'>,
  below: Record<string, unknown> = {},
): AgentFault[] {
  const type = agents.ids.includes(id) ? agents.get(id) : undefined;
  if (!type) return [{ keys: [id], message: `must be one of: ${agents.ids.join(', ')}` }];
  if (!isPlain(values)) return [{ keys: [id], message: 'must be an object' }];
  const faults = Object.entries(values).flatMap(([name, value]) => {
    if (!Object.hasOwn(type.defaults, name))
      return [{ keys: [id, name], message: `is not a setting of ${id}` }];
    const wanted = kindOf(type.defaults[name]);
    // Where the default is null, the agent alone knows what else there may be.
    return wanted === 'null' || kindOf(value) === wanted
      ? []
      : [{ keys: [id, name], message: `must be of the type ${wanted}` }];
  });
  if (faults.length > 0) return faults;
  try {
    type.check({ ...type.defaults, ...below, ...values });
    return [];
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return [{ keys: [id, ...(error.options.setting ?? [])], message: error.message }];
  }
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return kindOf(value) === 'object';
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
