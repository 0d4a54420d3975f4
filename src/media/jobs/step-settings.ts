import { AppError, type FieldError } from '../../platform/errors/app-error';
import { bodyField } from '../../platform/errors/field-errors';
import type { Settings } from '../../platform/settings/settings';
import type { AgentGraph } from '../flow/agent-registry';

/**
 * The settings that each step of a new job is frozen with: the agent's defaults, over them the operator's, over
 * them the job's. The operator's limit on a video's length holds whatever a job says.
 *
 * @param ofJob by agent id
 * @throws AppError VALIDATION_ERROR for an unknown agent or setting, or one that is for operators
 */
export function stepSettings(
  agents: Pick<AgentGraph, 'ids' | 'get'>,
  settings: Pick<Settings, 'agents' | 'jobs'>,
  ofJob: Record<string, unknown>,
): Map<string, Record<string, unknown>> {
  const errors: FieldError[] = [];
  for (const [id, given] of Object.entries(ofJob)) {
    const type = agents.ids.includes(id) ? agents.get(id) : undefined;
    if (!type) errors.push(bodyField(['settings', id], `must be one of: ${agents.ids.join(', ')}`));
    else if (!isPlain(given)) errors.push(bodyField(['settings', id], 'must be an object'));
    else
      for (const name of Object.keys(given)) {
        if (!Object.hasOwn(type.defaults, name))
          errors.push(bodyField(['settings', id, name], `is not a setting of ${id}`));
        else if (type.reserved?.includes(name))
          errors.push(bodyField(['settings', id, name], 'is for operators to set'));
      }
  }
  if (errors.length > 0)
    throw new AppError('VALIDATION_ERROR', 'The settings of the job are not valid.', { details: errors });
  return new Map(
    agents.ids.map((id) => {
      const merged: Record<string, unknown> = {
        ...agents.get(id)?.defaults,
        ...settings.agents[id],
        ...(ofJob[id] as Record<string, unknown> | undefined),
      };
      if (typeof merged['max_duration_s'] === 'number')
        merged['max_duration_s'] = Math.min(merged['max_duration_s'], settings.jobs.max_duration_s);
      return [id, merged];
    }),
  );
}

function isPlain(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
