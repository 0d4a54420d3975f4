import { Inject, Injectable } from '@nestjs/common';
import { AgentRegistry } from '../../media/flow/agent-registry';
import { GraphVersions } from '../../media/flow/graph-versions';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { AgentsConfig } from './agent-config.dto';

/** Shows how agents are set up. */
@Injectable()
export class AgentConfigView {
  constructor(
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(GraphVersions) private readonly graphs: GraphVersions,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** The graph in force in this process, and what could be added to it. */
  async read(): Promise<AgentsConfig> {
    const graph = this.agents.current();
    const settings_version = this.settings.version();
    return {
      settings_version,
      graph_version: (await this.graphs.find(graph)) ?? null,
      agents: graph.nodes.map(({ id, type, enabled, needs, timeoutS, maxAttempts }) => {
        const changed = Object.hasOwn(graph.settings.agents, id) ? graph.settings.agents[id] : {};
        return {
          agent_id: id,
          type: type.id,
          enabled,
          essential: type.essential === true && id === type.id,
          needs: [...needs],
          timeout_s: timeoutS,
          max_attempts: maxAttempts,
          settings: { ...type.defaults, ...changed },
          changed: Object.keys(changed ?? {}),
        };
      }),
      types: [...this.agents.types.values()].map(({ id, title, version, defaults, reserved }) => ({
        type: id,
        title,
        version,
        defaults: { ...defaults },
        reserved: [...(reserved ?? [])],
      })),
    };
  }
}
