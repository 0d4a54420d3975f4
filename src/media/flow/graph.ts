import type { Agent } from '../agents/agent';

/**
 * The version of the graph that new jobs get. Raise it when an agent is added, removed or needs something
 * else; a job keeps the version (and its steps the edges) that it was created with.
 */
export const GRAPH_VERSION = 2;

/** One node: what a job gets a step for. */
export interface GraphNode {
  readonly agent: string;
  readonly needs: readonly string[];
  /** Place in an order in which everything comes after what it needs, from 0. */
  readonly position: number;
}

/** What depends on what: data, made from the registered agents. */
export interface Graph {
  readonly version: number;
  readonly nodes: readonly GraphNode[];
}

/**
 * Makes the graph of these agents.
 *
 * @throws Error naming the agent, if an id is taken twice, a need is not registered, or needs go in a circle
 */
export function buildGraph(agents: readonly Pick<Agent, 'id' | 'needs'>[], version = GRAPH_VERSION): Graph {
  const byId = new Map<string, Pick<Agent, 'id' | 'needs'>>();
  for (const agent of agents) {
    if (byId.has(agent.id)) throw new Error(`Two agents are called ${agent.id}`);
    byId.set(agent.id, agent);
  }
  const nodes: GraphNode[] = [];
  const state = new Map<string, 'open' | 'placed'>();
  const place = (id: string, neededBy?: string): void => {
    const agent = byId.get(id);
    if (!agent) throw new Error(`Agent ${neededBy} needs ${id}, which is not registered`);
    if (state.get(id) === 'placed') return;
    if (state.get(id) === 'open') throw new Error(`Agent ${id} needs itself in the end`);
    state.set(id, 'open');
    for (const need of agent.needs) place(need, id);
    state.set(id, 'placed');
    nodes.push({ agent: id, needs: [...agent.needs], position: nodes.length });
  };
  for (const agent of agents) place(agent.id);
  return { version, nodes };
}

/** The agents in `seeds` and all that depend on them, directly or not, given each step's own edges. */
export function withDependents(
  steps: readonly { agent: string; needs: readonly string[] }[],
  seeds: Iterable<string>,
): Set<string> {
  const result = new Set(seeds);
  for (let size = -1; size !== result.size;) {
    size = result.size;
    for (const step of steps) if (step.needs.some((need) => result.has(need))) result.add(step.agent);
  }
  return result;
}
