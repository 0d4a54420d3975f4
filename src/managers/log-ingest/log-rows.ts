import { isUUID } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { Scrubber } from '../../platform/security/scrub';
import { levelName } from '../../platform/telemetry/logs/log-levels';
import { beginning } from '../../platform/text/cut';

/** A log line as a row of system_events. */
export interface LogRow {
  readonly id: string;
  readonly at: Date;
  readonly level: string;
  readonly source: string;
  readonly message: string;
  readonly data: string;
  readonly jobId: string | null;
  readonly traceId: string | null;
}

/** What the rows are called: other events are of the domain, as `job.created`. */
export const LOG_EVENT = 'log';

const MAX_NAME = 100;
const MAX_MESSAGE = 4_000;
const MAX_DATA = 16_000;
/** There is no time after it (ECMA-262 21.4.1.1), nor so long before 1970: a line that claims one would keep all others out. */
const LATEST_MS = 8.64e15;

/** What Nest tells of each module and route when a process starts: on stdout for whoever develops, and news to nobody else. */
const ROUTINE = new Set(['InstanceLoader', 'RouterExplorer', 'RoutesResolver', 'WebSocketsController']);

/** Makes rows of log lines: secrets masked and personal data replaced, as in the audit. */
export class LogRows {
  private readonly scrubber: Scrubber;

  /** @param pseudonymKey for the stand-ins of personal data */
  constructor(pseudonymKey: Buffer) {
    this.scrubber = new Scrubber(pseudonymKey);
  }

  /** The row of a line as pino writes it; undefined if it is not to be kept. Whatever is no such line is a message. */
  of(line: string): LogRow | undefined {
    const fields = parse(line);
    if (ROUTINE.has(String(fields['context']))) return undefined;
    const { level, time, source, msg, trace_id: traceId, job_id: jobId, ...rest } = fields;
    const at = typeof time === 'number' && Math.abs(time) <= LATEST_MS ? time : Date.now();
    const data = JSON.stringify(this.scrubber.scrub(rest), (_key, value: unknown) =>
      typeof value === 'string' ? storable(value) : value,
    );
    return {
      id: uuidv7({ msecs: at }),
      at: new Date(at),
      level: levelName(typeof level === 'number' ? level : 30),
      source: typeof source === 'string' ? storable(beginning(source, MAX_NAME)) : 'unknown',
      message: storable(beginning(this.text(msg), MAX_MESSAGE)),
      // A row is for reading; what is longer than that stands on stdout.
      data: data.length > MAX_DATA ? JSON.stringify({ context: rest['context'], truncated: true }) : data,
      jobId: isUUID(jobId) ? (jobId as string) : null,
      traceId: typeof traceId === 'string' ? storable(beginning(traceId, MAX_NAME)) : null,
    };
  }

  private text(message: unknown): string {
    const text = typeof message === 'string' ? message : JSON.stringify(message ?? '');
    return String(this.scrubber.scrub(text));
  }
}

function parse(line: string): Record<string, unknown> {
  try {
    const fields: unknown = JSON.parse(line);
    if (typeof fields === 'object' && fields !== null) return fields as Record<string, unknown>;
  } catch {
    // Somebody wrote past the logger.
  }
  return { msg: line };
}

/** Text that Postgres takes: no NUL, no half characters. */
function storable(text: string): string {
  return text.replaceAll('\u0000', '').toWellFormed();
}

/** The columns that {@link copyText} writes, in their order. */
export const LOG_COLUMNS = 'id, at, level, source, event, message, data, job_id, trace_id';

const ESCAPED: Readonly<Record<string, string>> = { '\\': '\\\\', '\t': '\\t', '\n': '\\n', '\r': '\\r' };

/** The rows in the text format of COPY. */
export function copyText(rows: readonly LogRow[]): string {
  return rows.map((row) => `${values(row).map(copyValue).join('\t')}\n`).join('');
}

function values(row: LogRow): readonly (string | null)[] {
  const { id, at, level, source, message, data, jobId, traceId } = row;
  return [id, at.toISOString(), level, source, LOG_EVENT, message, data, jobId, traceId];
}

function copyValue(value: string | null): string {
  return value === null ? '\\N' : value.replace(/[\\\t\n\r]/g, (sign) => ESCAPED[sign] ?? sign);
}
