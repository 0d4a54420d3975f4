import { Inject, Injectable, Logger } from '@nestjs/common';
import { type WorkerInfo, WorkerRegistry } from '../../fleet/workers/worker-registry';
import type { AgentNode } from '../../media/flow/agent-graph';
import { AgentRegistry } from '../../media/flow/agent-registry';
import { type QueueCounts, StepQueues } from '../../media/flow/queues/step-queues';
import { QueueState } from '../../media/flow/queues/queue-state';
import { AppError } from '../../platform/errors/app-error';
import { AgentQueries } from './agent-queries';
import type { AgentState, AgentStatus } from './agents.dto';
import { reasonOf } from '../../platform/errors/unavailable';

/** What all agents do at a moment. */
export interface Moment {
  nodes: readonly AgentNode[];
  paused: ReadonlySet<string>;
  active: ReadonlyMap<string, number>;
  /** Undefined while Redis does not answer. */
  workers: readonly WorkerInfo[] | undefined;
  counts: Readonly<Record<string, QueueCounts>> | undefined;
}

/** What the agents do now: from Postgres, and from Redis as far as that answers. */
@Injectable()
export class AgentsNow {
  private readonly log = new Logger(AgentsNow.name);

  constructor(
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(WorkerRegistry) private readonly workers: WorkerRegistry,
    @Inject(StepQueues) private readonly queues: StepQueues,
    @Inject(QueueState) private readonly states: QueueState,
    @Inject(AgentQueries) private readonly queries: AgentQueries,
  ) {}

  /** Looks at everything once. */
  async read(): Promise<Moment> {
    const [paused, active, workers, counts] = await Promise.all([
      this.states.paused(),
      this.queries.active(),
      this.ofRedis(this.workers.list()),
      this.ofRedis(this.queues.counts()),
    ]);
    return { nodes: this.agents.current().nodes, paused, active, workers, counts };
  }

  /** The agent. @throws AppError AGENT_NOT_FOUND */
  find(agentId: string): AgentNode {
    const node = this.agents.current().nodes.find(({ id }) => id === agentId);
    if (!node) throw new AppError('AGENT_NOT_FOUND');
    return node;
  }

  private async ofRedis<T>(answer: Promise<T>): Promise<T | undefined> {
    try {
      return await answer;
    } catch (error) {
      this.log.debug(`Redis has no answer about agents: ${reasonOf(error)}`);
      return undefined;
    }
  }
}

/** An agent as everybody may see it. */
export function statusOf(node: AgentNode, now: Moment): AgentStatus {
  const { id, type, enabled, needs } = node;
  return {
    agent_id: id,
    title: type.title,
    type: type.id,
    version: type.version,
    enabled,
    state: stateOf(node, now),
    needs: [...needs],
    waiting: now.counts?.[id]?.waiting ?? null,
    active: now.active.get(id) ?? 0,
  };
}

/** The workers that take its steps. */
export function serving({ id }: Pick<AgentNode, 'id'>, now: Moment): readonly WorkerInfo[] | undefined {
  return now.workers?.filter(({ queues }) => queues.includes(id));
}

function stateOf(node: AgentNode, now: Moment): AgentState {
  if (!node.enabled) return 'disabled';
  if (now.paused.has(node.id)) return 'paused';
  if ((now.active.get(node.id) ?? 0) > 0) return 'active';
  const workers = serving(node, now);
  if (!workers) return 'unknown';
  return workers.some(({ draining }) => !draining) ? 'idle' : 'unserved';
}
