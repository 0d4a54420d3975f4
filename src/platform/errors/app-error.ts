import { ERROR_CODES, type ErrorCode } from './error-codes';

/** What is wrong with one field; `path` as in `payload.job_id`. */
export interface FieldError {
  path: string;
  message: string;
}

/** Extras of an {@link AppError}. */
export interface AppErrorOptions {
  details?: FieldError[];
  /** When the caller may try again, in seconds; becomes the header Retry-After. */
  retryAfterS?: number;
  cause?: unknown;
}

/** An error that the caller is told about: a code of the closed list and a sentence that helps a person. */
export class AppError extends Error {
  override name = 'AppError';
  readonly details?: FieldError[];
  readonly retryAfterS?: number;

  constructor(
    readonly code: ErrorCode,
    message: string = ERROR_CODES[code].meaning,
    options: AppErrorOptions = {},
  ) {
    super(message, { cause: options.cause });
    this.details = options.details;
    this.retryAfterS = options.retryAfterS;
  }

  /** The HTTP status that belongs to the code. */
  get status(): number {
    return ERROR_CODES[this.code].status;
  }
}
