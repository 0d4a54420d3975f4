import { createTraceState, type SpanContext, TraceFlags, type TraceState } from '@opentelemetry/api';
import { holdsSecret } from '../security/scrub-text';
import { asW3cTraceId, isTraceId, newTraceId } from './trace-id';

/** Which trace a piece of work belongs to, and what in it caused the work. */
export interface TraceContext {
  /** The id that people see: in answers, log lines and audit. */
  readonly traceId: string;
  /** The span, of a client or of another process, that this work is a part of. */
  readonly parent?: SpanContext;
  /** A span of another trace that led here. */
  readonly link?: SpanContext;
}

/** A span as it is handed to another process: the header fields of W3C Trace Context. */
export interface Carrier {
  traceparent: string;
  tracestate?: string;
}

/** https://www.w3.org/TR/trace-context/#traceparent-header: lower case only, no id of zeros, version ff is none. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;

/**
 * Reads a carrier. A version after 00 may go on behind what this one knows; of its flags only "sampled" is read.
 *
 * @returns undefined if traceparent is malformed; then tracestate means nothing either
 */
export function readCarrier(carrier: Partial<Carrier>): SpanContext | undefined {
  const match = TRACEPARENT.exec(carrier.traceparent ?? '');
  if (!match) return undefined;
  const [, version, traceId = '', spanId = '', flags = '', more] = match;
  if (version === '00' && more !== undefined) return undefined;
  return {
    traceId,
    spanId,
    traceFlags: Number.parseInt(flags, 16) & TraceFlags.SAMPLED,
    isRemote: true,
    ...(carrier.tracestate ? { traceState: traceState(carrier.tracestate) } : {}),
  };
}

/**
 * At most 32 members, the first of a longer list; what is longer than 512 characters is dropped, as the specification
 * allows, and so is a member with a secret in it: the list is stored with the work, and exported.
 */
function traceState(list: string): TraceState {
  // The library cuts a longer list, too, but turns it around.
  const members = list.split(',').slice(0, 32);
  return createTraceState(members.filter((member) => !holdsSecret(member)).join(','));
}

/** The reverse of {@link readCarrier}. */
export function writeCarrier({ traceId, spanId, traceFlags, traceState }: SpanContext): Carrier {
  const sampled = traceFlags & TraceFlags.SAMPLED ? '01' : '00';
  const tracestate = traceState?.serialize();
  return { traceparent: `00-${traceId}-${spanId}-${sampled}`, ...(tracestate ? { tracestate } : {}) };
}

/**
 * The trace that a request belongs to. `X-Trace-Id` names it where it is well formed, else `traceparent`, else it is
 * a new one. With both, the span of traceparent is the parent, unless X-Trace-Id is a W3C trace id of its own:
 * then that is the trace, and traceparent's span of another one is linked.
 */
export function traceContextOf(headers: Record<string, string | string[] | undefined>): TraceContext {
  const given = headers['x-trace-id'];
  const sent = readCarrier({ traceparent: single(headers.traceparent), tracestate: all(headers.tracestate) });
  if (!isTraceId(given)) return sent ? { traceId: sent.traceId, parent: sent } : { traceId: newTraceId() };
  if (!sent) return { traceId: given };
  const own = asW3cTraceId(given);
  return own === undefined || own === sent.traceId
    ? { traceId: given, parent: sent }
    : { traceId: given, link: sent };
}

/** The trace of work that another process asked for, as it was stored with the work. */
export function storedTrace(traceId: string | null, carrier: Carrier | null): TraceContext {
  const parent = carrier ? readCarrier(carrier) : undefined;
  return { traceId: traceId ?? parent?.traceId ?? newTraceId(), ...(parent ? { parent } : {}) };
}

function single(value: string | string[] | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** The field may be sent in several lines, which are one list. */
function all(value: string | string[] | undefined): string | undefined {
  return Array.isArray(value) ? value.join(',') : value;
}
