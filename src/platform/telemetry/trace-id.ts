import { randomBytes } from 'node:crypto';

const TRACE_ID = /^[A-Za-z0-9][A-Za-z0-9-]{7,63}$/;
/** https://www.w3.org/TR/trace-context/#traceparent-header */
const TRACEPARENT = /^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/;

/** A new trace id: 32 hexadecimal digits, as W3C Trace Context has them. */
export function newTraceId(): string {
  return randomBytes(16).toString('hex');
}

/** The trace id that a request brings along in X-Trace-Id or traceparent, if it is well formed, else a new one. */
export function traceIdOf(headers: Record<string, string | string[] | undefined>): string {
  const given = headers['x-trace-id'];
  if (typeof given === 'string' && TRACE_ID.test(given)) return given;
  const parent = headers.traceparent;
  const match = typeof parent === 'string' ? TRACEPARENT.exec(parent) : null;
  return match?.[1] ?? newTraceId();
}
