import { csvLines, type ExportFormat, isoColumn } from '../../pipeline/exports/export-format';
import type { CellKind } from '../../pipeline/exports/row-text';
import { filterCondition, type JobFilter } from './job-filter.dto';

/** What to export. */
export interface JobExportOrder {
  filter: JobFilter;
  format: ExportFormat;
  includeSteps: boolean;
}

type Columns = Readonly<Record<string, readonly [expression: string, kind: CellKind]>>;

const JOB: Columns = {
  job_id: ['j.id', 'uuid'],
  user_id: ['j.user_id', 'uuid'],
  title: ['j.title', 'free'],
  status: ['j.status', 'plain'],
  priority: ['j.priority', 'integer'],
  attempt: ['j.attempt', 'integer'],
  progress: ['j.progress::text', 'number'],
  error_code: ['j.error_code', 'free'],
  error_message: ['j.error_message', 'free'],
  created_at: ['j.created_at', 'time'],
  started_at: ['j.started_at', 'time'],
  finished_at: ['j.finished_at', 'time'],
};
const STEP: Columns = {
  agent: ['s.agent', 'free'],
  status: ['s.status', 'plain'],
  attempt: ['s.attempt', 'integer'],
  error_code: ['s.error_code', 'free'],
  started_at: ['s.started_at', 'time'],
  finished_at: ['s.finished_at', 'time'],
};

/** The first line of a file; empty for formats without one. */
export function header(order: JobExportOrder): string {
  return order.format === 'ndjson' ? '' : csvLines([Object.keys(cells(order))]);
}

/** The jobs of an export, the oldest first, as rows of {@link cells}. In CSV a job with steps has a row for each of them. */
export function rowsSql(order: JobExportOrder): { sql: string; params: unknown[] } {
  const { sql: condition, params } = filterCondition(order.filter);
  const limit = order.filter.limit === undefined ? '' : `LIMIT ${order.filter.limit}`;
  const jobs = `(SELECT * FROM jobs j WHERE ${condition} ORDER BY j.id ${limit}) j`;
  return { sql: order.format === 'csv' ? csv(jobs, order) : ndjson(jobs, order), params };
}

/** How many rows that will be; undefined where it takes too long to say. */
export function countSql({ filter, format, includeSteps }: JobExportOrder) {
  if (format === 'csv' && includeSteps) return undefined;
  const { sql, params } = filterCondition(filter);
  const most = filter.limit === undefined ? 'count(*)' : `least(count(*), ${filter.limit})`;
  return { sql: `SELECT ${most} AS total FROM jobs j WHERE ${sql}`, params };
}

/** The cells of a row: its columns, or its members, in their order. */
export function cells({ format, includeSteps }: JobExportOrder): Record<string, CellKind> {
  const jobs = kinds(JOB);
  if (!includeSteps) return jobs;
  return format === 'csv' ? { ...jobs, ...kinds(STEP, 'step_') } : { ...jobs, steps: 'json' };
}

function kinds(columns: Columns, prefix = ''): Record<string, CellKind> {
  return Object.fromEntries(Object.entries(columns).map(([name, [, kind]]) => [prefix + name, kind]));
}

function expressions(columns: Columns): string[] {
  return Object.values(columns).map(([expression]) => expression);
}

function csv(jobs: string, { includeSteps }: JobExportOrder): string {
  const columns = [...expressions(JOB), ...(includeSteps ? expressions(STEP) : [])];
  const steps = includeSteps
    ? 'LEFT JOIN LATERAL (SELECT * FROM steps WHERE job_id = j.id ORDER BY position) s ON true'
    : '';
  return `SELECT ${columns.join(', ')} FROM ${jobs} ${steps}`;
}

function ndjson(jobs: string, { includeSteps }: JobExportOrder): string {
  const steps = `(SELECT coalesce(json_agg((SELECT row_to_json(o) FROM (SELECT ${fields(STEP)}) o) ORDER BY s.position), '[]')
    FROM steps s WHERE s.job_id = j.id)`;
  return `SELECT ${[...expressions(JOB), ...(includeSteps ? [steps] : [])].join(', ')} FROM ${jobs}`;
}

function fields(columns: Columns): string {
  return Object.entries(columns)
    .map(([name, [expression, kind]]) => `${kind === 'time' ? isoColumn(expression) : expression} AS ${name}`)
    .join(', ');
}
