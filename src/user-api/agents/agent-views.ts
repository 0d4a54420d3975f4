import type { AgentNode } from '../../media/flow/agent-graph';
import type { AgentLogLine } from './agent-config.dto';
import type { ActiveRow, FailureRow, LogRow, WaitingRow } from './agent-queries';
import type { AgentDetail, AgentFigures, AgentQueue, ServingWorker } from './agents.dto';
import { type Moment, serving, statusOf } from './agents-now';

/** An hour, in seconds. */
export const HOUR_S = 3_600;

/** An agent, closely. */
export function agentDetail(
  node: AgentNode,
  now: Moment,
  active: readonly ActiveRow[],
  failure: FailureRow | undefined,
  lastHour: AgentFigures | undefined,
): AgentDetail {
  if (!lastHour) throw new Error(`There are no figures of ${node.id}`);
  return {
    ...statusOf(node, now),
    timeout_s: node.timeoutS,
    max_attempts: node.maxAttempts,
    weight: node.type.weight,
    essential: node.type.essential === true && node.id === node.type.id,
    active_steps: active.map(({ id, started_at, ...step }) => ({
      step_id: id,
      ...step,
      started_at: started_at?.toISOString() ?? null,
    })),
    workers: workersOf(node, now),
    last_error: failure ? { ...failure, at: failure.at.toISOString() } : null,
    last_1h: lastHour,
  };
}

function workersOf(node: AgentNode, now: Moment): ServingWorker[] | null {
  const workers = serving(node, now)?.map(
    ({ worker_id, pool, draining, concurrency, active_steps, capabilities }): ServingWorker => ({
      worker_id,
      pool,
      draining,
      concurrency,
      active: active_steps.filter(({ agent }) => agent === node.id).length,
      capabilities,
    }),
  );
  return workers ?? null;
}

/** The queue of an agent. */
export function agentQueue(
  agentId: string,
  now: Moment,
  waiting: readonly WaitingRow[],
  oldest: Date | undefined,
): AgentQueue {
  const counts = now.counts?.[agentId];
  return {
    agent_id: agentId,
    queue: agentId,
    paused: now.paused.has(agentId),
    waiting: counts?.waiting ?? null,
    delayed: counts?.delayed ?? null,
    active: now.active.get(agentId) ?? 0,
    oldest_waiting_at: oldest?.toISOString() ?? null,
    next: waiting.map(({ id, queued_at, not_before, ...step }) => ({
      step_id: id,
      ...step,
      queued_at: queued_at?.toISOString() ?? null,
      not_before: not_before.toISOString(),
    })),
  };
}

/** A line of a log. */
export function logLine({ id, at, ...line }: LogRow): AgentLogLine {
  return { event_id: id, at: at.toISOString(), ...line };
}
