/** The part of a logger that media code uses; Nest's `Logger` and `console` both fit. */
export interface LoggerLike {
  log(message: string): void;
  warn(message: string): void;
  debug?(message: string): void;
}
