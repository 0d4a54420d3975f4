import { v7 as uuidv7 } from 'uuid';
import type { ActionRunner } from '../../src/pipeline/pipeline';
import type { Actor } from '../../src/platform/security/roles';

/** Runs an action as if `actor` had posted it, with a key of its own. */
export function runAction(
  runner: ActionRunner,
  actor: Actor,
  action: string,
  payload: object,
  options: object,
): ReturnType<ActionRunner['run']> {
  return runner.run(action, payload, {
    actor,
    origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: 'test' },
    rawHeaders: ['X-Idempotency-Key', uuidv7()],
    options,
    bodyErrors: [],
    scope: 'any',
    startedAt: performance.now(),
  });
}
