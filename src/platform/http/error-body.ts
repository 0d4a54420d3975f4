import type { AppError, FieldError } from '../errors/app-error';
import { ERROR_CODES, type ErrorCode } from '../errors/error-codes';

/** A request can be wrong in thousands of places; so many are named. */
const MAX_DETAILS = 100;

/** The body of every error answer, unless RFC 9457 is asked for. */
export interface ErrorBody {
  success: false;
  /** A sentence for people. */
  error: string;
  /** For programs. */
  error_code: ErrorCode;
  /** What the caller can do. */
  help: string;
  details?: readonly FieldError[];
  /** Of a 429: the limits that were used up. */
  violated_policies?: readonly string[];
  timestamp: string;
  trace_id: string;
}

/** The same as RFC 9457 wants it. Further members of an {@link ErrorBody} come along as they are. */
export interface Problem {
  type: string;
  title: string;
  status: number;
  detail: string;
  instance: string;
  code: ErrorCode;
  help: string;
  errors?: { path: string; message: string }[];
  'violated-policies'?: readonly string[];
  timestamp: string;
  trace_id: string;
}

/** The body of an error answer. */
export function errorBody(error: AppError, traceId: string): ErrorBody {
  return {
    success: false,
    error: error.message,
    error_code: error.code,
    help: ERROR_CODES[error.code].advice,
    ...(error.details ? { details: error.details.slice(0, MAX_DETAILS) } : {}),
    ...(error.violatedPolicies ? { violated_policies: error.violatedPolicies } : {}),
    timestamp: new Date().toISOString(),
    trace_id: traceId,
  };
}

/**
 * An error answer in the form of RFC 9457. It depends on nothing but the body, so that an answer which was stored
 * is the same byte for byte each time it is asked for in this form.
 */
export function problemOf(body: ErrorBody): Problem {
  const { error, error_code: code, help, details, violated_policies, ...rest } = body;
  const { status, meaning } = ERROR_CODES[code];
  const others = Object.fromEntries(Object.entries(rest).filter(([name]) => name !== 'success'));
  return {
    type: `urn:agentos:error:${code}`,
    title: meaning,
    status,
    detail: error,
    instance: `urn:agentos:trace:${body.trace_id}`,
    code,
    help,
    ...(details
      ? { errors: details.map(({ path, pointer, message }) => ({ path: pointer ?? path, message })) }
      : {}),
    ...(violated_policies ? { 'violated-policies': violated_policies } : {}),
    ...others,
    timestamp: body.timestamp,
    trace_id: body.trace_id,
  };
}
