import { AppError, type FieldError } from '../../platform/errors/app-error';
import { bodyField } from '../../platform/errors/field-errors';
import type { Settings } from '../../platform/settings/settings';
import type { AgentGraph } from '../flow/agent-registry';
import { faultsOf } from '../flow/agent-settings-rules';

/**
 * The settings that each step of a new job is frozen with: the agent's defaults, over them the operator's, over
 * them the job's. The operator's limit on a video's length, `jobs.max_duration_s`, takes the place of the agent's default,
 * and holds whatever else is said.
 *
 * @param ofJob by agent id
 * @throws AppError VALIDATION_ERROR for an unknown agent or setting, one that is for operators, or a value that cannot be used
 */
export function stepSettings(
  agents: Pick<AgentGraph, 'ids' | 'get'>,
  settings: Pick<Settings, 'agents' | 'jobs'>,
  ofJob: Record<string, unknown>,
): Map<string, Record<string, unknown>> {
  const errors = Object.entries(ofJob).flatMap(([id, given]): FieldError[] => {
    const faults = faultsOf(id, given, agents, settings.agents[id]);
    const reserved = agents.ids.includes(id) ? (agents.get(id)?.reserved ?? []) : [];
    const taken = reserved.filter((name) => Object.hasOwn(Object(given) as object, name));
    return [
      ...faults.map(({ keys, message }) => bodyField(['settings', ...keys], message)),
      ...taken.map((name) => bodyField(['settings', id, name], 'is for operators to set')),
    ];
  });
  if (errors.length > 0)
    throw new AppError('VALIDATION_ERROR', 'The settings of the job are not valid.', { details: errors });
  return new Map(
    agents.ids.map((id) => {
      const { max_duration_s: longest } = settings.jobs;
      const defaults = agents.get(id)?.defaults ?? {};
      const merged: Record<string, unknown> = {
        ...defaults,
        ...(Object.hasOwn(defaults, 'max_duration_s') ? { max_duration_s: longest } : {}),
        ...settings.agents[id],
        ...(ofJob[id] as Record<string, unknown> | undefined),
      };
      if (typeof merged['max_duration_s'] === 'number')
        merged['max_duration_s'] = Math.min(merged['max_duration_s'], longest);
      return [id, merged];
    }),
  );
}
