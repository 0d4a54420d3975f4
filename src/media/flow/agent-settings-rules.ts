import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import type { FieldError } from '../../platform/errors/app-error';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { Settings } from '../../platform/settings/settings';
import { AgentRegistry } from './agent-registry';

/** Lets no settings of agents be saved that would only fail later, in the middle of a job. */
@Injectable()
export class AgentSettingsRules implements OnModuleInit {
  constructor(
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  onModuleInit(): void {
    this.settings.addCheck((settings) => agentFaults(settings.agents, this.agents));
  }
}

/** What is wrong with settings by agent id: agents and settings that do not exist, values of another type. */
export function agentFaults(
  given: Settings['agents'],
  agents: Pick<AgentRegistry, 'ids' | 'get'>,
): FieldError[] {
  return Object.entries(given).flatMap(([id, values]) => {
    const path = `settings.agents.${id}`;
    const defaults = agents.ids.includes(id) ? agents.get(id)?.defaults : undefined;
    if (!defaults) return [{ path, message: `must be one of: ${agents.ids.join(', ')}` }];
    if (kindOf(values) !== 'object') return [{ path, message: 'must be an object' }];
    return Object.entries(values).flatMap(([name, value]) => {
      if (!Object.hasOwn(defaults, name))
        return [{ path: `${path}.${name}`, message: `is not a setting of ${id}` }];
      const wanted = kindOf(defaults[name]);
      // Where the default is null, the agent alone knows what else there may be.
      return wanted === 'null' || kindOf(value) === wanted
        ? []
        : [{ path: `${path}.${name}`, message: `must be of the type ${wanted}` }];
    });
  });
}

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'null';
  return Array.isArray(value) ? 'list' : typeof value;
}
