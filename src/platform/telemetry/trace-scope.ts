import { AsyncLocalStorage } from 'node:async_hooks';
import type { Span } from '@opentelemetry/api';
import type { TraceContext } from './trace-context';

/** The trace of the work that is being done, with its innermost span where spans are recorded. */
export interface TraceScope extends TraceContext {
  readonly span?: Span;
}

const scopes = new AsyncLocalStorage<TraceScope>();

/** Does `work`, with all that it awaits, as a part of this trace: its log lines carry the id. */
export function runInTrace<T>(scope: TraceScope, work: () => T): T {
  return scopes.run(scope, work);
}

/** Does `work` for no trace in particular, whatever it was begun by. */
export function withoutTrace<T>(work: () => T): T {
  return scopes.exit(work);
}

/** The trace that is being worked for; undefined outside of any. */
export function currentTrace(): TraceScope | undefined {
  return scopes.getStore();
}

/** What each log line says of the trace: its visible id and, with spans recorded, the span that it is of. */
export function traceFields(): { trace_id?: string; span_id?: string } {
  const scope = scopes.getStore();
  if (!scope) return {};
  return scope.span
    ? { trace_id: scope.traceId, span_id: scope.span.spanContext().spanId }
    : { trace_id: scope.traceId };
}
