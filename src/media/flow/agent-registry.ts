import { Inject, Injectable } from '@nestjs/common';
import type { Agent } from '../agents/agent';
import { buildGraph, type Graph } from './graph';

/** Nest's injection token of the list of agents. */
export const AGENT_REGISTRY = Symbol('AGENT_REGISTRY');

/** The agents of this installation, and the graph that they make. */
@Injectable()
export class AgentRegistry {
  /** What a new job gets steps from. */
  readonly graph: Graph;
  /** The ids, in an order in which everything comes after what it needs. */
  readonly ids: readonly string[];
  private readonly byId: ReadonlyMap<string, Agent>;

  constructor(@Inject(AGENT_REGISTRY) agents: readonly Agent[]) {
    this.graph = buildGraph(agents);
    this.ids = this.graph.nodes.map((node) => node.agent);
    this.byId = new Map(agents.map((agent) => [agent.id, agent]));
  }

  /** The agent; undefined for one that this version of the product does not have. */
  get(id: string): Agent | undefined {
    return this.byId.get(id);
  }

  /** What the agent's step counts in its job's progress. */
  weightOf(id: string): number {
    return this.byId.get(id)?.weight ?? 1;
  }
}
