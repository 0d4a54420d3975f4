import { MAX_TOPICS } from './topics';

/** Messages that a client may send at once: it comes back with a sign-in and all its topics, and some room is left. */
export const BURST = MAX_TOPICS + 50;
/** Messages that it may send per second in the long run. */
const PER_SECOND = 50;

/** What a message is, as the budget sees it: fine, too many (say so once), or a flood (close). */
export type BudgetVerdict = 'ok' | 'over' | 'flood';

/** Limits the messages of one connection: a token bucket, and as much again before it is taken for a flood. */
export class MessageBudget {
  private tokens = BURST;
  private at = performance.now();

  /** Counts one message. */
  take(now = performance.now()): BudgetVerdict {
    this.tokens = Math.min(BURST, this.tokens + ((now - this.at) / 1000) * PER_SECOND);
    this.at = now;
    this.tokens -= 1;
    if (this.tokens >= 0) return 'ok';
    return this.tokens > -BURST ? 'over' : 'flood';
  }
}
