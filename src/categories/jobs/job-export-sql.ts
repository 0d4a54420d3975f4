import { csvLines, type ExportFormat, harmlessColumn, isoColumn } from '../../pipeline/exports/export-format';
import type { JsonKind } from '../../pipeline/exports/json-rows';
import { filterCondition, type JobFilter } from './job-filter.dto';

/** What to export. */
export interface JobExportOrder {
  filter: JobFilter;
  format: ExportFormat;
  includeSteps: boolean;
}

/** `free` is text and may be whatever people or tools wrote. Of a job, what is `plain` or a `number` is never null. */
type ColumnKind = 'plain' | 'number' | 'free' | 'time';
type Columns = Readonly<Record<string, readonly [expression: string, kind: ColumnKind]>>;

const JOB: Columns = {
  job_id: ['j.id', 'plain'],
  user_id: ['j.user_id', 'plain'],
  title: ['j.title', 'free'],
  status: ['j.status', 'plain'],
  priority: ['j.priority', 'number'],
  attempt: ['j.attempt', 'number'],
  progress: ['j.progress', 'number'],
  error_code: ['j.error_code', 'free'],
  error_message: ['j.error_message', 'free'],
  created_at: ['j.created_at', 'time'],
  started_at: ['j.started_at', 'time'],
  finished_at: ['j.finished_at', 'time'],
};
const STEP: Columns = {
  agent: ['s.agent', 'free'],
  status: ['s.status', 'plain'],
  attempt: ['s.attempt', 'number'],
  error_code: ['s.error_code', 'free'],
  started_at: ['s.started_at', 'time'],
  finished_at: ['s.finished_at', 'time'],
};

/** The first line of a file; empty for formats without one. */
export function header({ format, includeSteps }: JobExportOrder): string {
  if (format === 'ndjson') return '';
  const steps = includeSteps ? Object.keys(STEP).map((name) => `step_${name}`) : [];
  return csvLines([[...Object.keys(JOB), ...steps]]);
}

/** The jobs of an export, the oldest first, as rows of which its format is made. In CSV a job with steps has a row for each of them. */
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

/** How many columns at the end of a row of CSV are times, which are left to {@link CsvRows}. */
export function timesAtEnd(order: JobExportOrder): number {
  return columnsOf(order)
    .reverse()
    .findIndex(([, kind]) => kind !== 'time');
}

function columnsOf({ includeSteps }: JobExportOrder): Columns[string][] {
  return [...Object.values(JOB), ...(includeSteps ? Object.values(STEP) : [])];
}

function csv(jobs: string, order: JobExportOrder): string {
  const columns = columnsOf(order);
  const formatted = columns.length - timesAtEnd(order);
  const cells = columns.map(([expression, kind], at) =>
    at < formatted ? cell([expression, kind]) : `${expression}::timestamp(3)`,
  );
  const steps = order.includeSteps
    ? 'LEFT JOIN LATERAL (SELECT * FROM steps WHERE job_id = j.id ORDER BY position) s ON true'
    : '';
  return `SELECT ${cells.join(', ')} FROM ${jobs} ${steps}`;
}

function cell([expression, kind]: Columns[string]): string {
  if (kind === 'free') return harmlessColumn(expression);
  return kind === 'time' ? isoColumn(expression) : expression;
}

/** The columns that become the members of an object of NDJSON, which are left to {@link JsonRows}. */
export function jsonColumns({ includeSteps }: JobExportOrder): Record<string, JsonKind> {
  const kinds = Object.entries(JOB).map(([name, [, kind]]) => [name, kind] as const);
  return { ...Object.fromEntries(kinds), ...(includeSteps ? { steps: 'json' } : {}) };
}

function ndjson(jobs: string, { includeSteps }: JobExportOrder): string {
  const cells = Object.values(JOB).map(([expression, kind]) =>
    kind === 'time' ? `${expression}::timestamp(3)` : expression,
  );
  const steps = `(SELECT coalesce(json_agg((SELECT row_to_json(o) FROM (SELECT ${fields(STEP)}) o) ORDER BY s.position), '[]')
    FROM steps s WHERE s.job_id = j.id)`;
  return `SELECT ${[...cells, ...(includeSteps ? [steps] : [])].join(', ')} FROM ${jobs}`;
}

function fields(columns: Columns): string {
  return Object.entries(columns)
    .map(([name, [expression, kind]]) => `${kind === 'time' ? isoColumn(expression) : expression} AS ${name}`)
    .join(', ');
}
