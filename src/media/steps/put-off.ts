import type { Tx } from '../../platform/postgres/db';
import type { Later } from '../agents/agent-error';
import { putOffMs } from '../flow/backoff';
import type { StepFailure } from '../flow/step-failure';
import { recordEvent } from '../flow/system-events';
import { type MovedStep, moveSteps } from '../flow/transitions';
import type { JobRow } from './step';

/**
 * Lets a step wait for what it needs, without a mark against it: it is queued again for later, and shows why. Where it
 * has waited for as long as it may, since it was first put off, nothing is done and the answer is undefined.
 */
export async function putOff(
  tx: Tx,
  job: JobRow,
  of: { stepId: string; attempt: number },
  { code, message }: StepFailure,
  { inMs, withinS }: Later,
): Promise<MovedStep[] | undefined> {
  const [step] = await tx.query<{ agent: string; first: boolean; waited_ms: number }>(
    `SELECT agent, put_off_since IS NULL AS first,
       coalesce(extract(epoch FROM now() - put_off_since) * 1000, 0)::float8 AS waited_ms
     FROM steps WHERE status = 'processing' AND id = $1 AND attempt = $2 FOR UPDATE`,
    [of.stepId, of.attempt],
  );
  if (!step) return [];
  const leftMs = withinS * 1_000 - step.waited_ms;
  if (leftMs <= 0) return undefined;
  const moved = await moveSteps(tx, 'requeue', {
    where: 'id = $1 AND attempt = $2',
    // Not beyond the end of its time: what comes then is known then.
    params: [of.stepId, of.attempt, code, message, Math.min(putOffMs(inMs, step.waited_ms), leftMs) / 1_000],
    set: `lease_until = NULL, worker_id = NULL, progress = 0, error_code = $3, error_message = $4, error_detail = NULL,
      put_off_since = coalesce(put_off_since, now()), not_before = now() + make_interval(secs => $5)`,
  });
  // Once, and not each time that it looks.
  if (step.first)
    await recordEvent(tx, {
      level: 'warn',
      event: 'step.put_off',
      message: `${step.agent} waits: ${message}`,
      data: { agent: step.agent, error_code: code, attempt: of.attempt, within_s: withinS },
      jobId: job.id,
      traceId: job.trace_id,
    });
  return moved;
}

/** What became of one that has waited for as long as it may. */
export function waitedInVain(failure: StepFailure, { withinS }: Later): StepFailure {
  const time = withinS < 120 ? `${withinS} s` : `${Math.round(withinS / 60)} minutes`;
  const waited = withinS > 0 ? ` The step has waited for it for ${time}.` : '';
  return { ...failure, message: `${failure.message}${waited}`, retryable: false };
}
