import type { RedisService } from '../../redis/redis.service';

/** Entries of the stream at most. Beyond, processes keep their lines to themselves until it has been read. */
export const MAX_ENTRIES = 2_000;

/** Lines of one process that are sent together. */
export interface LogBatch {
  /** A UUID of its own: the same lines may come twice, with the same id, when nobody knows whether they were taken. */
  readonly id: string;
  readonly lines: readonly string[];
}

/** A batch in the stream. */
export interface LogEntry extends LogBatch {
  /** Redis' id of it in the stream. */
  readonly streamId: string;
}

/** The stream in Redis that log lines travel through: written by every process, read by the manager log-ingest. */
export function logStream(redis: RedisService): string {
  return redis.key('logs', 'in');
}

/** The fields of an entry. pino's lines hold no line break. */
export function entryFields(id: string, lines: readonly string[]): string[] {
  return ['id', id, 'lines', lines.join('\n')];
}

/** An entry as Redis gives it; undefined if it is none of ours. */
export function readEntry([streamId, fields]: [string, string[]]): LogEntry | undefined {
  const [idName, id, linesName, lines] = fields;
  if (idName !== 'id' || linesName !== 'lines' || id === undefined || lines === undefined) return undefined;
  return { streamId, id, lines: lines.split('\n') };
}
