import { fingerprint } from '../../platform/security/canonical-json';
import type { StepRow } from '../steps/step';
import type { AgentRegistry } from './agent-registry';

/** All that the output of a step depends on. */
export interface StepKeyParts {
  agent: string;
  version: string;
  settings: Record<string, unknown>;
  /** SHA-256 of the upload. */
  source: string | null;
  /** The keys of the steps that it needs, by agent. */
  needs: Record<string, string | null>;
}

/**
 * The key of a step's output, as hex: equal keys mean equal work, so an output that is there need not be made
 * again. It reaches back to the upload over the keys of the steps that it needs.
 */
export function stepKey(parts: StepKeyParts): string {
  return fingerprint(parts).toString('hex');
}

/** The key that the output of `step` has or will have, given its siblings' keys and the upload's checksum. */
export function keyOfStep(
  step: Pick<StepRow, 'agent' | 'type' | 'needs' | 'settings'>,
  siblings: readonly Pick<StepRow, 'agent' | 'step_key'>[],
  sourceSha256: string | null,
  agents: Pick<AgentRegistry, 'types'>,
): string {
  const needs: Record<string, string | null> = {};
  for (const other of siblings) if (step.needs.includes(other.agent)) needs[other.agent] = other.step_key;
  return stepKey({
    agent: step.agent,
    version: versionOf(step, agents),
    settings: step.settings,
    source: sourceSha256,
    needs,
  });
}

/** Of the code that makes the output; with its name where that is not the agent's own. */
function versionOf(
  { agent, type }: Pick<StepRow, 'agent' | 'type'>,
  { types }: Pick<AgentRegistry, 'types'>,
) {
  const version = types.get(type)?.version ?? 'unknown';
  return type === agent ? version : `${type} ${version}`;
}
