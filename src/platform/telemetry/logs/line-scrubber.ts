import { Scrubber } from '../../security/scrub';

/** What we put into each line ourselves, and what traces are called, which is looked at when it comes. */
const OURS = new Set(['level', 'time', 'pid', 'source', 'instance', 'context', 'trace_id', 'span_id']);

/**
 * Takes out of log lines what errors and messages repeat of what they were about: secrets masked, personal data as
 * pseudonyms. Addresses stay here, as those of servers that cannot be reached are what an operator looks for; where
 * lines are kept for reading, they are replaced, too.
 */
export class LineScrubber {
  private scrubber: Scrubber | undefined;

  /** @param pseudonymKey gives the key once it is known; until then personal data stays */
  constructor(private readonly pseudonymKey: () => Buffer | undefined) {}

  /** The line that may be written. @param line as pino makes it, with or without its line break */
  scrub(line: string): string {
    const fields = parsed(line);
    const scrubber = this.ready();
    if (!fields) return `${String(scrubber.scrub(line.trimEnd()))}\n`;
    const kept = Object.entries(fields).map(([name, value]) =>
      OURS.has(name) ? [name, value] : Object.entries(scrubber.scrub({ [name]: value }) as object)[0],
    );
    return `${JSON.stringify(Object.fromEntries(kept as [string, unknown][]))}\n`;
  }

  private ready(): Scrubber {
    if (this.scrubber) return this.scrubber;
    const key = this.pseudonymKey();
    const scrubber = new Scrubber(key, ['ip']);
    if (key) this.scrubber = scrubber;
    return scrubber;
  }
}

function parsed(line: string): Record<string, unknown> | undefined {
  try {
    const fields: unknown = JSON.parse(line);
    return typeof fields === 'object' && fields !== null && !Array.isArray(fields)
      ? (fields as Record<string, unknown>)
      : undefined;
  } catch {
    // Somebody wrote past the logger.
    return undefined;
  }
}
