import { stringify } from 'csv-stringify/sync';
import type { ExportedJob } from './job-rows';

/** The formats of an export. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Content type of each format. */
export const CONTENT_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
};

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

/** What a spreadsheet takes for the beginning of a formula, full-width forms included. */
const FORMULA = /^[\s\u200b\ufeff]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^-?\d+(?:\.\d+)?$/;

/** The first line of a file; empty for formats without one. */
export function header(format: ExportFormat, includeSteps: boolean): string {
  if (format === 'ndjson') return '';
  const steps = includeSteps ? STEP_COLUMNS.map((column) => `step_${column}`) : [];
  return stringify([[...JOB_COLUMNS, ...steps]]);
}

/** A page of jobs as text. In CSV a job with steps has a line for each of them. */
export function lines(format: ExportFormat, jobs: readonly ExportedJob[]): string {
  if (format === 'ndjson') return jobs.map((job) => `${JSON.stringify(job)}\n`).join('');
  return stringify(jobs.flatMap(csvRows));
}

/** A cell that a spreadsheet shows and does not run: an apostrophe goes before what looks like a formula. */
export function harmlessCell(value: string | number | null): string | number | null {
  if (typeof value !== 'string' || NUMBER.test(value) || !FORMULA.test(value)) return value;
  return `'${value}`;
}

function csvRows(job: ExportedJob): (string | number | null)[][] {
  const cells = JOB_COLUMNS.map((column) => harmlessCell(job[column]));
  if (!job.steps) return [cells];
  return job.steps.map((step) => [...cells, ...STEP_COLUMNS.map((column) => harmlessCell(step[column]))]);
}
