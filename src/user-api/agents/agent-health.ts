import type { AgentNode } from '../../media/flow/agent-graph';
import type { AgentFigures, AgentHealth, AgentsHealth, HealthState } from './agents.dto';
import { type Moment, serving } from './agents-now';

/** From so many ended steps on, a share of failures says something. */
const LEAST_STEPS = 5;
/** The share of steps that may fail. */
const TOLERATED = 0.5;
/** A step that waits longer than this, in milliseconds, is a sign that nobody takes it. */
const LONG_WAIT_MS = 600_000;

/** What the judgement rests on, besides the moment. */
export interface Evidence {
  lastHour: ReadonlyMap<string, AgentFigures>;
  oldest: ReadonlyMap<string, Date>;
  at: Date;
}

/** Whether each agent does its work, and all of them together. */
export function healthOf(now: Moment, evidence: Evidence): AgentsHealth {
  const agents = now.nodes.map((node) => agentHealth(node, now, evidence));
  const worst = (['down', 'degraded'] as const).find((state) =>
    agents.some(({ health }) => health === state),
  );
  return { health: worst ?? 'healthy', agents };
}

function agentHealth(node: AgentNode, now: Moment, { lastHour, oldest, at }: Evidence): AgentHealth {
  const workers = serving(node, now)?.filter(({ draining }) => !draining).length ?? null;
  const waitingSince = oldest.get(node.id);
  const reasons: string[] = [];
  let health: HealthState = 'healthy';
  const worsen = (to: HealthState, reason: string) => {
    if (health !== 'down') health = to;
    reasons.push(reason);
  };
  if (!node.enabled) worsen('off', 'It is switched off for new jobs.');
  else if (now.paused.has(node.id)) worsen('off', 'Its queue is paused.');
  else {
    if (workers === 0) worsen('down', 'No worker serves it.');
    if (workers === null)
      worsen('degraded', 'It is not known which workers there are: Redis does not answer.');
    const figures = lastHour.get(node.id);
    const ended = figures ? figures.completed + figures.failed : 0;
    if (figures && ended >= LEAST_STEPS && figures.failed / ended >= TOLERATED)
      worsen('degraded', `${figures.failed} of the last ${ended} steps failed.`);
    const waitedMs = waitingSince ? at.getTime() - waitingSince.getTime() : 0;
    if (waitedMs > LONG_WAIT_MS)
      worsen('degraded', `A step has been waiting for ${Math.round(waitedMs / 60_000)} minutes.`);
  }
  return {
    agent_id: node.id,
    health,
    reasons,
    workers,
    oldest_waiting_at: waitingSince?.toISOString() ?? null,
  };
}
