import { SpanKind } from '@opentelemetry/api';
import { continueTrace, recordSpan } from '../../platform/telemetry/spans';
import { storedTrace, type TraceContext } from '../../platform/telemetry/trace-context';
import type { JobRow, StepRow } from '../steps/step';
import type { JobChange } from './flow-changes';

/** The trace of the request that made the job; all its attempts belong to it. */
export function traceOfJob(job: Pick<JobRow, 'trace_id' | 'trace_context'>): TraceContext {
  return storedTrace(job.trace_id, job.trace_context);
}

/** What a span says of an attempt of a step. */
interface ClaimedStep {
  job: JobRow;
  step: StepRow;
  workerId: string;
  waitedMs: number;
}

/** Runs a claimed attempt of a step as a part of its job's trace. */
export function traceStep(claim: ClaimedStep, work: () => Promise<void>): Promise<void> {
  const { job, step } = claim;
  return continueTrace(traceOfJob(job), `step ${step.agent}`, work, {
    kind: SpanKind.CONSUMER,
    attributes: {
      'agentos.job.id': job.id,
      'agentos.step.id': step.id,
      'agentos.step.agent': step.agent,
      'agentos.step.attempt': step.attempt,
      'agentos.step.waited_ms': claim.waitedMs,
      'agentos.worker.id': claim.workerId,
    },
  });
}

/** The part of a job that a span of one of its attempts is made of. */
export type TracedJob = Pick<
  JobRow,
  'id' | 'attempt' | 'trace_id' | 'trace_context' | 'created_at' | 'started_at'
>;

/** Records an attempt of a job that has ended: from its first step to its end, beside the spans of its steps. */
export function recordJob(
  job: TracedJob,
  { status, error_code }: Pick<JobChange, 'status' | 'error_code'>,
): void {
  const startTime = job.started_at ?? job.created_at;
  const attributes = {
    'agentos.job.id': job.id,
    'agentos.job.attempt': job.attempt,
    'agentos.job.status': status,
  };
  recordSpan(traceOfJob(job), 'job', { startTime, attributes }, error_code ?? undefined);
}
