import {
  type PipelineAgent,
  type PipelineSettings,
  TAKEN_IDS,
} from '../../platform/settings/pipeline.settings';
import type { AnyAgent } from '../agents/agent';

/** An agent as an installation has it. */
export interface AgentNode {
  readonly id: string;
  /** What it is: the code that runs its steps. */
  readonly type: AnyAgent;
  /** The agents whose end it waits for. */
  readonly needs: readonly string[];
  /** Whether new jobs get a step of it. */
  readonly enabled: boolean;
  /** It is in no new job; what older ones have left for it is still done. */
  readonly removed: boolean;
  /** Longest time of one attempt, in seconds. */
  readonly timeoutS: number;
  readonly maxAttempts: number;
}

/** Something that is wrong with a graph, and where. */
export interface GraphFault {
  readonly agent: string;
  readonly field: keyof PipelineAgent;
  readonly message: string;
  /** The needs go in a circle. */
  readonly cycle?: true;
}

/** The agents of a graph, each after what it needs, those that are gone at the end; and what is wrong with it. */
export interface ComposedGraph {
  readonly nodes: readonly AgentNode[];
  readonly faults: readonly GraphFault[];
}

/**
 * Lays what an operator has changed over the agents that the product comes with. What is wrong is named and left
 * out: while one release replaces another, either may know agents that the other does not.
 */
export function composeGraph(
  builtIn: readonly AnyAgent[],
  types: ReadonlyMap<string, AnyAgent>,
  { agents: given }: Pick<PipelineSettings, 'agents'>,
): ComposedGraph {
  const faults: GraphFault[] = [];
  const drafts = new Map<string, AgentNode>();
  for (const agent of builtIn) {
    if (drafts.has(agent.id)) faults.push(fault(agent.id, 'type', 'is there twice'));
    const change = given[agent.id];
    if (change?.type && change.type !== agent.id)
      faults.push(fault(agent.id, 'type', `must be ${agent.id}: this agent comes with the product`));
    if (agent.essential && change && (change.removed || !change.enabled))
      faults.push(fault(agent.id, change.removed ? 'removed' : 'enabled', 'every job needs this agent'));
    drafts.set(agent.id, nodeOf(agent.id, agent, change));
  }
  for (const [id, change] of Object.entries(given)) {
    if (drafts.has(id)) continue;
    if (TAKEN_IDS.includes(id)) faults.push(fault(id, 'type', 'no agent may have this name'));
    const type = change.type === null ? undefined : types.get(change.type);
    if (type) drafts.set(id, nodeOf(id, type, change));
    else faults.push(fault(id, 'type', `must be one of: ${[...types.keys()].join(', ')}`));
  }
  return { nodes: inOrder(drafts, faults), faults };
}

function nodeOf(id: string, type: AnyAgent, change: PipelineAgent | undefined): AgentNode {
  return {
    id,
    type,
    needs: change?.after ?? type.needs,
    enabled: change?.enabled ?? true,
    removed: change?.removed ?? false,
    timeoutS: change?.timeout_s ?? type.timeoutS,
    maxAttempts: change?.max_attempts ?? type.maxAttempts,
  };
}

/** Each after what it needs; a need that cannot be met is named, and dropped. */
function inOrder(drafts: ReadonlyMap<string, AgentNode>, faults: GraphFault[]): AgentNode[] {
  const placed: AgentNode[] = [];
  const state = new Map<string, 'open' | 'placed'>();
  const place = (node: AgentNode): void => {
    state.set(node.id, 'open');
    const needs = node.needs.filter((id) => {
      const need = drafts.get(id);
      if (!need || need.removed) {
        faults.push(fault(node.id, 'after', `there is no agent ${id}`));
        return false;
      }
      if (!state.has(id)) place(need);
      if (state.get(id) === 'placed') return true;
      faults.push({ ...fault(node.id, 'after', `needs itself in the end, by way of ${id}`), cycle: true });
      return false;
    });
    state.set(node.id, 'placed');
    placed.push({ ...node, needs });
  };
  const present = [...drafts.values()].filter((node) => !node.removed);
  for (const node of present) if (!state.has(node.id)) place(node);
  const gone = [...drafts.values()].filter((node) => node.removed);
  return [...placed, ...gone.map((node) => ({ ...node, needs: [] }))];
}

function fault(agent: string, field: keyof PipelineAgent, message: string): GraphFault {
  return { agent, field, message };
}

/** What a job gets a step for. */
export interface GraphNode {
  readonly agent: string;
  readonly needs: readonly string[];
  /** Place in an order in which everything comes after what it needs, from 0. */
  readonly position: number;
}

/** The steps of a new job. Who needs an agent that is switched off waits for what that one would have waited for. */
export function graphNodes(
  nodes: readonly Pick<AgentNode, 'id' | 'needs' | 'enabled' | 'removed'>[],
): GraphNode[] {
  const inJobs = new Map<string, readonly string[]>();
  const steps: GraphNode[] = [];
  for (const { id, needs, enabled, removed } of nodes) {
    if (removed) continue;
    const met = [...new Set(needs.flatMap((need) => inJobs.get(need) ?? []))];
    if (enabled) steps.push({ agent: id, needs: met, position: steps.length });
    inJobs.set(id, enabled ? [id] : met);
  }
  return steps;
}
