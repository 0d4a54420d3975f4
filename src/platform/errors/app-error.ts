import { ERROR_CODES, type ErrorCode } from './error-codes';

/** What is wrong with one field. */
export interface FieldError {
  /** As in `payload.job_id`; the name of a parameter, where it is one. */
  readonly path: string;
  /** The same as a JSON Pointer (RFC 6901), as in `/payload/job_id`; only for a field of a JSON body. */
  readonly pointer?: string;
  readonly message: string;
}

/** Extras of an {@link AppError}. */
export interface AppErrorOptions {
  details?: readonly FieldError[];
  /** When the caller may try again, in seconds; becomes the header Retry-After. */
  retryAfterS?: number;
  /** The names of the limits that were used up, as the header RateLimit-Policy has them. */
  violatedPolicies?: readonly string[];
  cause?: unknown;
}

/** An error that the caller is told about: a code of the closed list and a sentence that helps a person. */
export class AppError extends Error {
  override name = 'AppError';
  readonly details?: readonly FieldError[];
  readonly retryAfterS?: number;
  readonly violatedPolicies?: readonly string[];

  constructor(
    readonly code: ErrorCode,
    message: string = ERROR_CODES[code].meaning,
    options: AppErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.details = options.details;
    this.retryAfterS = options.retryAfterS;
    this.violatedPolicies = options.violatedPolicies;
  }

  /** The HTTP status that belongs to the code. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}
