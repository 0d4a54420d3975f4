import { Inject, Injectable } from '@nestjs/common';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import type { Settings } from '../../platform/settings/settings';
import type { AnyAgent } from '../agents/agent';
import { type AgentNode, composeGraph, type GraphFault, type GraphNode, graphNodes } from './agent-graph';

/** Nest's injection token of the list of agents that the graph has unless an operator changes it. */
export const AGENT_REGISTRY = Symbol('AGENT_REGISTRY');
/** Nest's injection token of the list of types of which there is no agent until somebody adds one. */
export const FURTHER_TYPES = Symbol('FURTHER_TYPES');

/** The graph and the settings of its agents, as a version of the settings has them. Does not change. */
export class AgentGraph {
  /** The agents, each after what it needs. */
  readonly nodes: readonly AgentNode[];
  /** Their ids, in that order. */
  readonly ids: readonly string[];
  /** What a new job gets steps for. */
  readonly steps: readonly GraphNode[];
  /** Theirs, and at the end those of agents that are gone: older jobs may have left something in their queues. */
  readonly queues: readonly string[];
  /** What is wrong with it, and is left out. */
  readonly faults: readonly GraphFault[];
  private readonly byId: ReadonlyMap<string, AgentNode>;

  constructor(
    builtIn: readonly AnyAgent[],
    types: ReadonlyMap<string, AnyAgent>,
    readonly settings: Pick<Settings, 'agents' | 'jobs' | 'pipeline'>,
    formerly: readonly AgentNode[] = [],
  ) {
    const { nodes, faults } = composeGraph(builtIn, types, settings.pipeline);
    const known = new Set(nodes.map((node) => node.id));
    const lost = formerly.filter((node) => !known.has(node.id));
    const all = [...nodes, ...lost.map((node) => ({ ...node, needs: [], removed: true }))];
    this.nodes = all.filter((node) => !node.removed);
    this.ids = this.nodes.map((node) => node.id);
    this.steps = graphNodes(this.nodes);
    this.queues = all.map((node) => node.id);
    this.faults = faults;
    this.byId = new Map(all.map((node) => [node.id, node]));
  }

  /** The agent, also one that is gone. */
  node(id: string): AgentNode | undefined {
    return this.byId.get(id);
  }

  /** What the agent is; undefined if it is not in the graph. */
  get(id: string): AnyAgent | undefined {
    return this.ids.includes(id) ? this.byId.get(id)?.type : undefined;
  }

  /** All agents, those that are gone as well. */
  all(): AgentNode[] {
    return [...this.byId.values()];
  }
}

/** The agents of this installation, as the settings in force have them. */
@Injectable()
export class AgentRegistry {
  /** What agents can be, by name. */
  readonly types: ReadonlyMap<string, AnyAgent>;
  private graph?: AgentGraph;

  /** @throws Error if the agents of the product do not fit together */
  constructor(
    @Inject(AGENT_REGISTRY) private readonly builtIn: readonly AnyAgent[],
    @Inject(FURTHER_TYPES) further: readonly AnyAgent[],
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {
    this.types = new Map([...builtIn, ...further].map((agent) => [agent.id, agent]));
    const { faults } = composeGraph(builtIn, this.types, { agents: {} });
    const [fault] = faults;
    if (fault) throw new Error(`Agent ${fault.agent}: ${fault.field}: ${fault.message}`);
  }

  /** The graph in force. */
  current(): AgentGraph {
    const settings = this.settings.current();
    // An agent that settings do not name any more is served on: what is in its queue would wait for ever.
    if (this.graph?.settings !== settings) this.graph = this.graphOf(settings, this.graph?.all());
    return this.graph;
  }

  /** The graph that `settings` would make. */
  graphOf(
    settings: Pick<Settings, 'agents' | 'jobs' | 'pipeline'>,
    formerly?: readonly AgentNode[],
  ): AgentGraph {
    return new AgentGraph(this.builtIn, this.types, settings, formerly);
  }

  /** Calls `listener` after each change of the settings, of which the graph is a part. */
  onChange(listener: () => void): () => void {
    return this.settings.onChange(listener);
  }

  /** What the agent's step counts in its job's progress. */
  weightOf(id: string): number {
    return this.current().node(id)?.type.weight ?? 1;
  }
}
