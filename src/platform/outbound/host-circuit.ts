import { OutboundError } from './outbound-error';

/** When a host is given a rest; times in milliseconds. */
export interface CircuitRules {
  /** So many calls must have ended within the window ... */
  readonly leastCalls: number;
  /** ... and so many of these have failed, in percent. */
  readonly failuresPercent: number;
  readonly windowMs: number;
  /** How long it is not called then, before one call tries whether it is back; that may take as long. */
  readonly restMs: number;
}

/** What a call has shown of the host; `nothing`: whoever asked stopped waiting, or it was never asked. */
export type Shown = 'answers' | 'fails' | 'nothing';

/** A call that was let through. */
interface Pass {
  /** What ends after the circuit has changed was begun under other conditions, and decides nothing. */
  readonly epoch: number;
  /** When the next may try, if it is a trial. */
  readonly turn?: number;
}

/**
 * Whether a host is called or left alone. Only what it does decides that: a call whose caller stopped waiting neither
 * opens nor closes it, and leaves its turn to the next if it was the trial.
 */
export class HostCircuit {
  private ended: { at: number; failed: boolean }[] = [];
  private epoch = 0;
  /** From when on one call may try; undefined while it is closed. */
  private trialAt?: number;

  /**
   * @param changed told when it opens and when it closes
   * @param now in milliseconds, and never going back
   */
  constructor(
    private readonly rules: CircuitRules,
    private readonly changed: (open: boolean) => void = () => undefined,
    private readonly now: () => number = () => performance.now(),
  ) {}

  /**
   * Makes the call, if the host is not at rest.
   *
   * @param shown what an error of the call says of the host
   * @throws OutboundError `resting`, with the time until the next trial; whatever the call throws
   */
  async run<T>(call: () => Promise<T>, shown: (error: unknown) => Shown): Promise<T> {
    const pass = this.enter();
    try {
      const answer = await call();
      this.leave(pass, 'answers');
      return answer;
    } catch (error) {
      this.leave(pass, shown(error));
      throw error;
    }
  }

  private enter(): Pass {
    if (this.trialAt === undefined) return { epoch: this.epoch };
    const now = this.now();
    if (now < this.trialAt)
      throw new OutboundError('resting', 'It has failed too often and is not called for a while.', {
        againInMs: Math.ceil(this.trialAt - now),
      });
    // If it hangs, there is another one after as long.
    this.trialAt = now + this.rules.restMs;
    return { epoch: this.epoch, turn: this.trialAt };
  }

  private leave({ epoch, turn }: Pass, shown: Shown): void {
    if (epoch !== this.epoch) return;
    if (turn === undefined) return this.count(shown);
    if (shown === 'answers') return this.change(undefined);
    // An older trial takes nobody's turn.
    if (turn !== this.trialAt) return;
    this.trialAt = this.now() + (shown === 'fails' ? this.rules.restMs : 0);
  }

  private count(shown: Shown): void {
    if (shown === 'nothing') return;
    const now = this.now();
    const failed = shown === 'fails';
    this.ended = [...this.ended.filter(({ at }) => at > now - this.rules.windowMs), { at: now, failed }];
    const failures = this.ended.filter((call) => call.failed).length;
    const many = this.ended.length >= this.rules.leastCalls;
    if (failed && many && failures * 100 >= this.ended.length * this.rules.failuresPercent)
      this.change(now + this.rules.restMs);
  }

  private change(trialAt: number | undefined): void {
    this.trialAt = trialAt;
    this.epoch += 1;
    this.ended = [];
    this.changed(trialAt !== undefined);
  }
}
