import { AgentError, type Later } from '../agents/agent-error';
import { ending } from '../../platform/text/cut';
import { storable } from '../../platform/text/storable';

/** What can go wrong around an agent, with the sentence that a person reads. Agents' own codes: media/agents. */
export const FLOW_ERRORS = {
  WORKER_LOST: 'The worker that ran this step stopped without a word.',
  STEP_TIMEOUT: 'The step took longer than it may and was stopped.',
  SOURCE_MISSING: 'The uploaded video is no longer there.',
  STORAGE_FULL: 'There is no space left to store the produced files.',
  STORAGE_REFUSED: 'The store of files does not let this installation in.',
  STEP_CRASHED: 'The step stopped because of a fault in the software.',
} as const;
export type FlowErrorCode = keyof typeof FLOW_ERRORS;

/** Why an attempt of a step failed. */
export interface StepFailure {
  /** A code of FLOW_ERRORS or of the agents' list. */
  code: string;
  /** For people. */
  message: string;
  retryable: boolean;
  /** The tool's own words, for the log view. */
  detail?: string;
  /** Nothing was tried, and it is no failure yet. */
  later?: Later;
}

/** Longest raw output that is kept, in characters; the end tells most. */
const DETAIL_LIMIT = 20_000;

/** A failure of the flow's own list. */
export function flowFailure(code: FlowErrorCode, retryable: boolean, detail?: string): StepFailure {
  return { code, message: FLOW_ERRORS[code], retryable, detail: kept(detail) };
}

/** What an agent threw, as a failure; what is no AgentError is a fault of ours and worth another try. */
export function failureOf(error: unknown): StepFailure {
  if (error instanceof AgentError) {
    const { retryable, detail, later } = error.options;
    return { code: error.code, message: error.message, retryable, detail: kept(detail), later };
  }
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  const code = (error as { code?: unknown } | null)?.code;
  if (code === 'STORAGE_REFUSED') return flowFailure('STORAGE_REFUSED', true, text);
  if (code === 'STORAGE_FULL' || code === 'ENOSPC') return flowFailure('STORAGE_FULL', true, text);
  return flowFailure('STEP_CRASHED', true, text);
}

/** What Postgres can store, and no more of it than somebody reads. */
function kept(detail: string | undefined): string | undefined {
  return detail === undefined ? undefined : storable(ending(detail, DETAIL_LIMIT));
}
