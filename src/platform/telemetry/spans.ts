import {
  type Attributes,
  INVALID_SPAN_CONTEXT,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  type Tracer,
} from '@opentelemetry/api';
import { AppError } from '../errors/app-error';
import { type Carrier, type TraceContext, writeCarrier } from './trace-context';
import { currentTrace, runInTrace, type TraceScope } from './trace-scope';

/** What a span is made with besides its name. Never put what people typed, paths, addresses or secrets into it. */
export interface SpanStart {
  kind?: SpanKind;
  attributes?: Attributes;
  /** When it began, if that was earlier. */
  startTime?: Date;
}

/** Stands in where nothing is recorded. */
const NO_SPAN = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);

/** Makes the spans of this process; undefined while they are not exported, and then a span costs a call. */
let tracer: Tracer | undefined;

/** Records spans from now on, or with undefined no more. For the process' set-up. */
export function useTracer(newTracer: Tracer | undefined): void {
  tracer = newTracer;
}

/** Whether spans are recorded in this process. */
export function isRecording(): boolean {
  return tracer !== undefined;
}

/** Does `work` as a part of what is traced right now; outside of a span it only does it. */
export function inSpan<T>(name: string, work: (span: Span) => Promise<T>, start: SpanStart = {}): Promise<T> {
  const scope = tracer && currentTrace();
  if (!scope?.span) return work(NO_SPAN);
  return recorded({ ...scope, span: begin(scope, name, start) }, work);
}

/** Does `work` that belongs to this trace: its log lines carry the id, and where spans are recorded it is one. */
export function continueTrace<T>(
  context: TraceContext,
  name: string,
  work: (span: Span) => Promise<T>,
  start: SpanStart = {},
): Promise<T> {
  if (!tracer) return runInTrace(context, () => work(NO_SPAN));
  return recorded({ ...context, span: begin(context, name, start) }, work);
}

/**
 * The scope of work that comes and goes in callbacks, whose span somebody has to {@link endSpan}.
 * Without export it is the context itself.
 */
export function openScope(context: TraceContext, name: string, start: SpanStart): TraceScope {
  return tracer ? { ...context, span: begin(context, name, start) } : context;
}

/** Records work that is over, as a part of this trace. */
export function recordSpan(context: TraceContext, name: string, start: SpanStart, errorCode?: string): void {
  if (!tracer) return;
  const span = begin(context, name, start);
  if (errorCode !== undefined) markFailed(span, errorCode);
  span.end();
}

/** Marks the span at work as failed, for work that reports its failure without throwing. */
export function failSpan(errorCode: string): void {
  const span = currentTrace()?.span;
  if (span) markFailed(span, errorCode);
}

/** The span at work, to be stored with what another process is to do; null if there is nothing to go on from. */
export function currentCarrier(): Carrier | null {
  const scope = currentTrace();
  const span = scope?.span?.spanContext() ?? scope?.parent;
  return span ? writeCarrier(span) : null;
}

/** Only codes are recorded: messages and stacks may hold what people typed. */
export function markFailed(span: Span, errorCode: string): void {
  span.setAttribute('error.type', errorCode);
  span.setStatus({ code: SpanStatusCode.ERROR, message: errorCode });
}

function begin(scope: TraceScope, name: string, start: SpanStart): Span {
  if (!tracer) return NO_SPAN;
  const parent = scope.span?.spanContext() ?? scope.parent;
  const isFirst = scope.span === undefined;
  const options = {
    ...start,
    ...(isFirst ? { attributes: { ...start.attributes, 'agentos.trace_id': scope.traceId } } : {}),
    ...(isFirst && scope.link ? { links: [{ context: scope.link }] } : {}),
  };
  const context = parent ? trace.setSpanContext(ROOT_CONTEXT, parent) : ROOT_CONTEXT;
  const maker = tracer;
  // Within the scope, where the first span of a trace finds its id.
  return runInTrace(scope, () => maker.startSpan(name, options, context));
}

function recorded<T>(scope: TraceScope & { span: Span }, work: (span: Span) => Promise<T>): Promise<T> {
  return runInTrace(scope, async () => {
    try {
      return await work(scope.span);
    } catch (error) {
      noteError(scope.span, error);
      throw error;
    } finally {
      scope.span.end();
    }
  });
}

/** What a caller did wrong is noted, but is no failure of ours. */
function noteError(span: Span, error: unknown): void {
  const code = codeOf(error);
  if (error instanceof AppError && error.status < 500) span.setAttribute('error.type', code);
  else markFailed(span, code);
}

/** The code of our errors, of Postgres and of Node; else the kind of error. */
function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  if (typeof code === 'string') return code;
  return error instanceof Error ? error.name : 'unknown';
}
