import type { AppError } from '../platform/errors/app-error';
import { errorBody } from '../platform/http/error-body';
import type { ActionAnswer, Run } from './run';

/** The answer to an action that did what it was asked. */
export function successAnswer(run: Run, status: number, data: unknown): ActionAnswer {
  return answer(run, status, {
    success: true,
    data: data ?? null,
    timestamp: new Date().toISOString(),
    response_time_ms: Math.round((performance.now() - run.call.startedAt) * 10) / 10,
    trace_id: run.call.origin.traceId,
    execution_id: run.answeringId,
    ...proven(run),
    ...explained(run),
  });
}

/** The answer to one that was refused or failed. */
export function errorAnswer(run: Run, error: AppError): ActionAnswer {
  const headers: Record<string, string> = {};
  run.errorCode = error.code;
  run.refuse();
  if (error.retryAfterS !== undefined)
    headers['Retry-After'] = String(Math.max(1, Math.ceil(error.retryAfterS)));
  const recorded = run.claim || run.endedId ? { execution_id: run.answeringId, ...proven(run) } : {};
  return answer(
    run,
    error.status,
    { ...errorBody(error, run.call.origin.traceId), ...recorded, ...explained(run) },
    headers,
  );
}

/** An answer that was stored, as it was. */
export function replayedAnswer(run: Run, status: number, body: Buffer): ActionAnswer {
  return { status, body, headers: { ...run.headers, 'Idempotent-Replayed': 'true' } };
}

function answer(run: Run, status: number, body: object, headers: Record<string, string> = {}): ActionAnswer {
  return { status, body: JSON.stringify(body), headers: { ...run.headers, ...headers } };
}

/** What the caller needs to prove later that the audit holds the intent. */
function proven(run: Run): object {
  return run.claim?.audit ? { audit: run.claim.audit } : {};
}

function explained(run: Run): object {
  // Options are not known before the request has been validated.
  const options = run.options as Run['options'] | undefined;
  return options?.explain ? { explain: run.explanation() } : {};
}
