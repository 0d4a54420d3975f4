import { type Cell, csvLines, type ExportFormat } from '../../pipeline/exports/export-format';
import type { ExportedJob } from './job-rows';

const JOB_COLUMNS = [
  'job_id',
  'user_id',
  'title',
  'status',
  'priority',
  'attempt',
  'progress',
  'error_code',
  'error_message',
  'created_at',
  'started_at',
  'finished_at',
] as const satisfies readonly (keyof ExportedJob)[];
const STEP_COLUMNS = ['agent', 'status', 'attempt', 'error_code', 'started_at', 'finished_at'] as const;

/** The first line of a file; empty for formats without one. */
export function header(format: ExportFormat, includeSteps: boolean): string {
  if (format === 'ndjson') return '';
  const steps = includeSteps ? STEP_COLUMNS.map((column) => `step_${column}`) : [];
  return csvLines([[...JOB_COLUMNS, ...steps]]);
}

/** A page of jobs as text. In CSV a job with steps has a line for each of them. */
export function lines(format: ExportFormat, jobs: readonly ExportedJob[]): string {
  if (format === 'ndjson') return jobs.map((job) => `${JSON.stringify(job)}\n`).join('');
  return csvLines(jobs.flatMap(csvRows));
}

function csvRows(job: ExportedJob): Cell[][] {
  const cells = JOB_COLUMNS.map((column) => job[column]);
  if (!job.steps) return [cells];
  return job.steps.map((step) => [...cells, ...STEP_COLUMNS.map((column) => step[column])]);
}
