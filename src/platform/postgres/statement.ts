import { createHash } from 'node:crypto';

/** A statement that each connection parses and plans once, by its name. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/**
 * Names a statement that is run all the time. Its text must be a constant: connections keep every name for good.
 * Postgres plans it without a look at its parameters after a few runs, so it must be one for which that is good.
 */
export function prepared(text: string): Statement {
  return { name: createHash('sha256').update(text).digest('base64url').slice(0, 20), text };
}
