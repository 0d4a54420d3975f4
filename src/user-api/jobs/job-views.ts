import type { JobDetailRow, JobRow, StepRow } from './job-queries';
import type { JobError, JobSummary, JobView, StepView } from './jobs.dto';

/** A job of a list. */
export function jobSummary(row: JobRow): JobSummary {
  return {
    job_id: row.id,
    title: row.title,
    status: row.status,
    progress: row.progress,
    priority: row.priority,
    attempt: row.attempt,
    upload_id: row.upload_id,
    user_id: row.user_id,
    error: errorOf(row),
    created_at: row.created_at.toISOString(),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    duration_s: durationS(row),
  };
}

/** A job with its steps. */
export function jobView(row: JobDetailRow, steps: StepRow[]): JobView {
  return {
    ...jobSummary(row),
    steps: steps.map(stepView),
    clip_count: row.clip_count,
    settings: row.settings,
    cancel_requested_at: row.cancel_requested_at?.toISOString() ?? null,
    cancel_reason: row.cancel_reason,
    trace_id: row.trace_id,
  };
}

function stepView(row: StepRow): StepView {
  return {
    step_id: row.id,
    agent: row.agent,
    status: row.status,
    progress: row.progress,
    attempt: row.attempt,
    max_attempts: row.max_attempts,
    needs: row.needs,
    skip_reason: row.skip_reason,
    error: errorOf(row),
    started_at: row.started_at?.toISOString() ?? null,
    finished_at: row.finished_at?.toISOString() ?? null,
    duration_s: durationS(row),
  };
}

function errorOf(row: { error_code: string | null; error_message: string | null }): JobError | null {
  return row.error_code === null ? null : { code: row.error_code, message: row.error_message ?? '' };
}

/** From its begin to its end, or until now, in seconds. */
function durationS(row: { started_at: Date | null; finished_at: Date | null }): number | null {
  if (!row.started_at) return null;
  const end = row.finished_at?.getTime() ?? Date.now();
  return Math.max(0, end - row.started_at.getTime()) / 1000;
}
