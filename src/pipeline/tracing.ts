import { type Span, SpanKind } from '@opentelemetry/api';
import { continueTrace, inSpan, markFailed } from '../platform/telemetry/spans';
import { storedTrace } from '../platform/telemetry/trace-context';
import type { TakenOperation } from './operations/operation-store';
import type { ActionAnswer, Run } from './run';

/** Runs an action as one span, named and described once it is known what it was. */
export function traceAction(run: Run, work: () => Promise<ActionAnswer>): Promise<ActionAnswer> {
  return inSpan('action', (span) =>
    span.isRecording() ? work().then((answer) => described(span, run, answer)) : work(),
  );
}

/** Runs an operation in the trace of the request that asked for it. */
export function traceOperation(operation: TakenOperation, work: () => Promise<void>): Promise<void> {
  const { action, claim } = operation;
  return continueTrace(storedTrace(operation.traceId, operation.carrier), `operation ${action}`, work, {
    kind: SpanKind.CONSUMER,
    attributes: { 'agentos.action': action, 'agentos.execution.id': claim.executionId },
  });
}

function described(span: Span, run: Run, answer: ActionAnswer): ActionAnswer {
  // Not set if the validation refused it: what callers invent does not become the name of a span.
  const entry = run.entry as Run['entry'] | undefined;
  if (entry) span.updateName(`action ${entry.name}`);
  span.setAttributes({
    'agentos.action': entry?.name,
    'agentos.action.kind': entry && run.kind,
    'agentos.execution.id': run.claim && run.answeringId,
    'agentos.replayed': 'Idempotent-Replayed' in answer.headers,
    'error.type': run.errorCode,
  });
  if (answer.status >= 500) markFailed(span, run.errorCode ?? String(answer.status));
  return answer;
}
