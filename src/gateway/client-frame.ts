import { AppError } from '../platform/errors/app-error';
import { parseStrictJson } from '../platform/http/strict-json';
import { LOG_LEVELS } from '../platform/telemetry/logs/log-levels';
import type { ClientFrame, LogFilter, Position } from './protocol';

/** The longest name of a topic. */
const MAX_TOPIC = 100;
/** Longer than any token of ours. */
const MAX_TOKEN = 4_096;
/** Longer than any ticket. */
const MAX_TICKET = 100;
/** The longest texts of a filter. */
const [MAX_SOURCE, MAX_Q] = [100, 200];

/**
 * Reads what a client sent.
 *
 * @throws AppError VALIDATION_ERROR with a sentence that says what is wrong
 */
export function parseClientFrame(data: Buffer, isBinary: boolean): ClientFrame {
  if (isBinary) throw malformed('Frames are text, one JSON object each.');
  const value = parseStrictJson(data.toString('utf8'));
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('A frame is a JSON object.');
  const frame = value as Record<string, unknown>;
  switch (frame.type) {
    case 'auth':
      return frame.ticket === undefined
        ? { type: 'auth', token: text(frame.token, 'token', MAX_TOKEN) }
        : { type: 'auth', ticket: text(frame.ticket, 'ticket', MAX_TICKET) };
    case 'subscribe': {
      const topic = text(frame.topic, 'topic', MAX_TOPIC);
      return {
        type: 'subscribe',
        topic,
        ...(frame.since === undefined ? {} : { since: position(frame.since) }),
        ...(frame.filter === undefined ? {} : { filter: logFilter(frame.filter) }),
      };
    }
    case 'unsubscribe':
      return { type: 'unsubscribe', topic: text(frame.topic, 'topic', MAX_TOPIC) };
    case 'ping':
      return { type: 'ping' };
    default:
      throw malformed('The type of a frame is auth, subscribe, unsubscribe or ping.');
  }
}

function text(value: unknown, name: string, longest: number): string {
  if (typeof value !== 'string' || value.length === 0 || value.length > longest)
    throw malformed(`"${name}" is a text of 1 to ${longest} characters.`);
  return value;
}

function position(value: unknown): Position {
  const { offset, epoch } = (value ?? {}) as Partial<Record<keyof Position, unknown>>;
  if (!Number.isSafeInteger(offset) || (offset as number) < 0)
    throw malformed('"since.offset" is a whole number, 0 or more.');
  return { offset: offset as number, epoch: text(epoch, 'since.epoch', 64) };
}

function logFilter(value: unknown): LogFilter {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw malformed('"filter" is an object.');
  const { level, source, q } = value as Partial<Record<keyof LogFilter, unknown>>;
  const known = LOG_LEVELS.find((one) => one === level);
  if (level !== undefined && !known) throw malformed(`"filter.level" is one of ${LOG_LEVELS.join(', ')}.`);
  return {
    ...(known ? { level: known } : {}),
    ...(source === undefined ? {} : { source: text(source, 'filter.source', MAX_SOURCE) }),
    ...(q === undefined ? {} : { q: text(q, 'filter.q', MAX_Q) }),
  };
}

function malformed(message: string): AppError {
  return new AppError('VALIDATION_ERROR', message);
}
