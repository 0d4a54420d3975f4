/**
 * Something that a person can mend keeps the system from starting. The message is all that is shown, so it
 * says what is wrong and what to do, in one sentence or two.
 */
export class StartProblem extends Error {
  override name = 'StartProblem';
}

/** The start was called off by Ctrl-C or SIGTERM. */
export class StartCancelled extends Error {
  override name = 'StartCancelled';
}

/** Whether an error, or the output of a tool, says that a disk is full. */
export function saysDiskFull(error: unknown): boolean {
  const text =
    error instanceof Error
      ? `${(error as NodeJS.ErrnoException).code ?? ''} ${error.message}`
      : String(error);
  return /\bENOSPC\b|no space left on device|disk is full|could not extend file/i.test(text);
}

/** What to tell a person about an error that ended the start. `home` is the installation's folder. */
export function explain(error: unknown, home: string): string {
  if (error instanceof StartProblem) return error.message;
  if (saysDiskFull(error)) return `The disk that holds ${home} is full; free some space and start again.`;
  const { code, message, path } = error as NodeJS.ErrnoException;
  if (code === 'EACCES' || code === 'EPERM') return `No permission for ${path ?? home}: ${message}.`;
  if (code === 'EROFS')
    return `${path ?? home} is on a read-only disk; set AGENTOS_HOME to a folder that can be written.`;
  return error instanceof Error ? (error.stack ?? error.message) : String(error);
}
