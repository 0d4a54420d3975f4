import type { Tx } from '../../platform/postgres/db';
import { idList, idsOf } from '../../platform/postgres/id-lists';
import type { Carrier } from '../../platform/telemetry/trace-context';
import type { JobStatus, StepStatus } from '../flow/transitions';

/** The part of a job that the flow works with. */
export interface JobRow {
  id: string;
  user_id: string;
  upload_id: string | null;
  captions_upload_id: string | null;
  title: string;
  status: JobStatus;
  priority: number;
  attempt: number;
  progress: number;
  error_code: string | null;
  error_message: string | null;
  cancel_requested_at: Date | null;
  cancel_reason: string | null;
  created_at: Date;
  started_at: Date | null;
  trace_id: string | null;
  /** The span that asked for it, if there was one. */
  trace_context: Carrier | null;
}

/** The part of a step that the flow works with. */
export interface StepRow {
  id: string;
  job_id: string;
  agent: string;
  /** What the agent is; its own name for most. */
  type: string;
  needs: string[];
  position: number;
  status: StepStatus;
  attempt: number;
  failures: number;
  max_attempts: number;
  timeout_s: number;
  progress: number;
  settings: Record<string, unknown>;
  output: object | null;
  step_key: string | null;
  error_code: string | null;
  error_message: string | null;
}

const JOB_COLUMNS = `id, user_id, upload_id, captions_upload_id, title, status, priority, attempt, progress, error_code, error_message,
  cancel_requested_at, cancel_reason, created_at, started_at, trace_id, trace_context`;
const STEP_COLUMNS = `id, job_id, agent, coalesce(type, agent) AS type, needs, position, status, attempt, failures,
  max_attempts, timeout_s, progress, settings, output, step_key, error_code, error_message`;

/**
 * Reads a job and locks it until the transaction ends. Whoever changes steps in a way that concerns their job
 * locks the job first; that puts parallel completions in a row and rules deadlocks out.
 */
export async function lockJob(tx: Tx, jobId: string): Promise<JobRow | undefined> {
  const [job] = await tx.query<JobRow>(`SELECT ${JOB_COLUMNS} FROM jobs WHERE id = $1 FOR UPDATE`, [jobId]);
  return job;
}

/** What tells whether something can be done with a job, and what its events say. */
export type JobState = Pick<JobRow, 'id' | 'status' | 'attempt' | 'progress'> & {
  /** Its end was asked for. */
  readonly cancelling: boolean;
};

/** Reads and locks many jobs, in the order of their ids, so that two who do that never wait for each other. */
export async function lockJobs(tx: Tx, jobIds: string): Promise<JobState[]> {
  const rows = await tx.query<Omit<JobState, 'id'> & { ids: string }>(
    `SELECT status, attempt, progress, cancelling, ${idList('id')} AS ids FROM (
       SELECT id, status, attempt, progress, cancel_requested_at IS NOT NULL AS cancelling
         FROM jobs WHERE id = ANY($1) ORDER BY id FOR UPDATE) locked
      GROUP BY status, attempt, progress, cancelling`,
    [jobIds],
  );
  return rows.flatMap(({ ids, status, attempt, progress, cancelling }) =>
    idsOf(ids).map((id) => ({ id, status, attempt, progress, cancelling })),
  );
}

/** Reads a job without locking it. */
export async function readJob(tx: Tx, jobId: string): Promise<JobRow | undefined> {
  const [job] = await tx.query<JobRow>(`SELECT ${JOB_COLUMNS} FROM jobs WHERE id = $1`, [jobId]);
  return job;
}

/** The steps of a job in the order of the graph. */
export function readSteps(tx: Tx, jobId: string): Promise<StepRow[]> {
  return tx.query<StepRow>(`SELECT ${STEP_COLUMNS} FROM steps WHERE job_id = $1 ORDER BY position`, [jobId]);
}
