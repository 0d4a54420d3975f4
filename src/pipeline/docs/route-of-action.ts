import type { OpenAPIObject } from '@nestjs/swagger';

/** Names, at an operation of the OpenAPI document, the action that it runs. */
export const RUNS_ACTION_EXTENSION = 'x-runs-action';

/** The operations that run an action besides the write endpoint, as in `POST /api/jobs/{job_id}/cancel`, by its name. */
export function routesOfActions(document: OpenAPIObject): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, string[]>();
  for (const [path, item] of Object.entries(document.paths))
    for (const [method, operation] of Object.entries(item)) {
      const action = (operation as Record<string, unknown> | null)?.[RUNS_ACTION_EXTENSION];
      if (typeof action === 'string')
        found.set(action, [...(found.get(action) ?? []), `${method.toUpperCase()} ${path}`]);
    }
  return found;
}
