/**
 * - `refused`: it is not allowed to be called, or answers that the request is wrong; again it would answer the same
 * - `unavailable`: it cannot be reached, is overloaded or broken, or takes too long
 * - `resting`: it has failed so often that it is not called for a while
 * - `answer`: what it answers is too long, or no JSON
 */
export type OutboundErrorKind = 'refused' | 'unavailable' | 'resting' | 'answer';

/** Why another system could not be asked; the message is a sentence for people, and names no address. */
export class OutboundError extends Error {
  override name = 'OutboundError';

  /** When it may be called again at the earliest, in milliseconds from now; known of one that is `resting`. */
  readonly againInMs?: number;

  constructor(
    readonly kind: OutboundErrorKind,
    message: string,
    { cause, againInMs }: { cause?: unknown; againInMs?: number } = {},
  ) {
    super(message, { cause });
    this.againInMs = againInMs;
  }
}
