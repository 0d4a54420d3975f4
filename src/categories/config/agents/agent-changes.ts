import type { AgentType } from '../../../media/agents/agent';
import type { AgentNode } from '../../../media/flow/agent-graph';
import type { AgentGraph, AgentRegistry } from '../../../media/flow/agent-registry';
import { savedAgents } from '../../../media/flow/graph-versions';
import { AppError } from '../../../platform/errors/app-error';
import { bodyField } from '../../../platform/errors/field-errors';
import { fingerprint } from '../../../platform/security/canonical-json';
import { applyPatch, type Patch } from '../../../platform/settings/patch';
import { type PipelineAgent, TAKEN_IDS } from '../../../platform/settings/pipeline.settings';
import type { SettingsChange } from '../../../platform/settings/runtime-settings';
import type { Settings } from '../../../platform/settings/settings';

/** How graphs are made. */
type Graphs = Pick<AgentRegistry, 'graphOf'>;
type Places = Record<string, Patch<PipelineAgent>>;

/** An agent to be added. */
export interface NewAgent {
  agent_id: string;
  type: AgentType;
  settings: Record<string, unknown>;
  after?: string[];
  before: string[];
  enabled: boolean;
}

/** What is to be different of an agent. */
export interface AgentChange {
  settings?: Record<string, unknown>;
  enabled?: boolean;
  timeout_s?: number;
  max_attempts?: number;
}

/** What must not have changed between a preview and its act. */
export function stateOf(graph: AgentGraph, agentId: string): string {
  const saved = savedAgents(graph).find(({ agent }) => agent === agentId);
  return saved ? fingerprint(saved).toString('hex') : 'absent';
}

/** Puts an agent into the graph. The change throws AGENT_EXISTS, PIPELINE_CYCLE, VALIDATION_ERROR. */
export function addition(graphs: Graphs, agent: NewAgent): SettingsChange {
  return (settings) => {
    const graph = graphs.graphOf(settings);
    const { agent_id, type, after, before, enabled } = agent;
    if (graph.ids.includes(agent_id)) throw new AppError('AGENT_EXISTS');
    if (TAKEN_IDS.includes(agent_id))
      throw new AppError('VALIDATION_ERROR', 'No agent may have this name.', {
        details: [bodyField(['payload', 'agent_id'], `must be none of: ${TAKEN_IDS.join(', ')}`)],
      });
    const place = {
      type,
      after: after ?? null,
      enabled,
      removed: false,
      timeout_s: null,
      max_attempts: null,
    };
    const places: Places = { [agent_id]: place };
    for (const id of before) {
      const waiting = graph.ids.includes(id) ? graph.node(id) : undefined;
      if (!waiting) throw unknownAgent('before', id, graph);
      places[id] = { after: [...waiting.needs, agent_id] };
    }
    refuseCircles(graphs, settings, places);
    return { pipeline: { agents: places }, agents: { [agent_id]: agent.settings } };
  };
}

/** Changes settings and limits of an agent. The change throws AGENT_NOT_FOUND. */
export function configuration(graphs: Graphs, agentId: string, change: AgentChange): SettingsChange {
  return (settings) => {
    if (!graphs.graphOf(settings).ids.includes(agentId)) throw new AppError('AGENT_NOT_FOUND');
    const { enabled, timeout_s, max_attempts } = change;
    const given = Object.entries({ enabled, timeout_s, max_attempts }).filter(
      ([, value]) => value !== undefined,
    );
    return {
      ...(given.length > 0 ? { pipeline: { agents: { [agentId]: Object.fromEntries(given) } } } : {}),
      ...(change.settings ? { agents: { [agentId]: change.settings } } : {}),
    };
  };
}

/**
 * Takes an agent out of the graph. What an operator made to wait for it waits for it no more; what cannot do without
 * it holds it. The change throws AGENT_NOT_FOUND, AGENT_IN_USE.
 */
export function removal(graphs: Graphs, agentId: string): SettingsChange {
  return (settings) => {
    const graph = graphs.graphOf(settings);
    const node = graph.node(agentId);
    if (!node || !graph.ids.includes(agentId)) throw new AppError('AGENT_NOT_FOUND');
    if (node.type.essential && node.id === node.type.id)
      throw new AppError('AGENT_IN_USE', `Every job needs the agent ${agentId}.`);
    const waiting = graph.nodes.filter(({ needs }) => needs.includes(agentId));
    const holding = waiting.filter((other) => !canDoWithout(other, agentId)).map(({ id }) => id);
    if (holding.length > 0)
      throw new AppError('AGENT_IN_USE', `The agent is needed by ${holding.join(', ')}.`);
    const places: Places = { [agentId]: { removed: true, after: null } };
    for (const other of waiting) places[other.id] = { after: other.needs.filter((need) => need !== agentId) };
    return { pipeline: { agents: places }, agents: { [agentId]: null } };
  };
}

/** One of the product that waits for it only because somebody said so. */
function canDoWithout({ id, type }: AgentNode, agentId: string): boolean {
  return id === type.id && !type.needs.some((need) => need === agentId);
}

function refuseCircles(graphs: Graphs, settings: Settings, places: Places): void {
  const agents = applyPatch({ ...settings.pipeline.agents }, places) as Record<string, PipelineAgent>;
  const circle = graphs
    .graphOf({ ...settings, pipeline: { agents } })
    .faults.find(({ cycle }) => cycle === true);
  if (circle) throw new AppError('PIPELINE_CYCLE', `The agent ${circle.agent} ${circle.message}.`);
}

function unknownAgent(field: string, id: string, graph: AgentGraph): AppError {
  return new AppError('VALIDATION_ERROR', `There is no agent ${id}.`, {
    details: [bodyField(['payload', field], `must be some of: ${graph.ids.join(', ')}`)],
  });
}
