import type { CallResult, CircuitPhase, Counts } from './circuit';
import { CircuitMachine } from './circuit-machine';
import type { CircuitRules } from './circuit-rules';
import type { SharedCircuit, Told } from './circuit-store';

/** For how long what Redis said is gone by, in milliseconds; it is asked four times as often. */
export const FRESH_MS = 1_000;

/** The one process that a machine of its own counts. */
const SELF = 'self';

/** What Redis said, and when, with the end of the rest that it named. */
interface Seen {
  readonly circuit: SharedCircuit;
  readonly at: number;
  readonly restUntil: number;
}

/** The part of a call in a circuit: its epoch there, and whether it is the probe. */
export interface Part {
  readonly epoch: number;
  readonly probe: boolean;
}

/**
 * A dependency's circuit as one process has it: what Redis said last, and a machine of its own. That one
 * protects while Redis cannot be asked, and when this process fails where others do not. While the shared
 * circuit is not closed, that protects, and the own machine waits at its beginning. Times by performance.now().
 */
export class LocalCircuit {
  private readonly machine = new CircuitMachine();
  /** What Redis said, while that is to be gone by. */
  private seen?: Seen;
  /** What Redis said last, however long ago. */
  private last?: Seen;

  /** How it stands for this process: open, if it is so here or for all. */
  get state(): CircuitPhase {
    const phases = [this.seen?.circuit.state, this.machine.state];
    return phases.includes('open') ? 'open' : phases.includes('probing') ? 'probing' : 'closed';
  }

  /**
   * Takes note of what Redis said. Where that changed, what this process thought by itself is over. What is of an
   * earlier epoch than what is known says nothing: Redis has lost the later one, and is given it by the next look.
   *
   * @param now when it was asked: better to ask once too often than to wait longer than one must
   */
  saw(circuit: SharedCircuit, now: number): void {
    if (this.isAheadOf(circuit)) return;
    const changed = this.last !== undefined && this.last.circuit.epoch !== circuit.epoch;
    if (changed || circuit.state !== 'closed') this.machine.reset();
    this.seen = { circuit, at: now, restUntil: now + circuit.restMs };
    this.last = this.seen;
  }

  /** Whether this process has seen a later epoch than Redis has. */
  isAheadOf({ epoch }: SharedCircuit): boolean {
    return this.last !== undefined && this.last.circuit.epoch > epoch;
  }

  /** How Redis said that it stands, with the rest that is left of it; undefined if it never said. */
  lastSeen(now: number): Told['seen'] {
    if (!this.last) return undefined;
    const { state, epoch, trips } = this.last.circuit;
    return { state, epoch, trips, restMs: Math.max(0, Math.ceil(this.last.restUntil - now)) };
  }

  /** Redis does not answer: goes on alone from what it said last, so that what is open stays so until its time. */
  lose(now: number): void {
    if (this.seen && this.seen.circuit.state !== 'closed')
      this.machine.adopt(this.seen.circuit.trips, this.seen.restUntil, now);
    this.seen = undefined;
  }

  /** Whether what Redis said is recent enough to go by. */
  isFresh(now: number): boolean {
    return this.seen !== undefined && now - this.seen.at <= FRESH_MS;
  }

  /** Whether Redis has to decide: the circuit is not closed. */
  mustAsk(now: number): boolean {
    return this.isFresh(now) && this.seen?.circuit.state !== 'closed';
  }

  /** How long a call has to wait by what is known here, in milliseconds. */
  restMs(now: number): number {
    if (!this.isFresh(now)) this.lose(now);
    const shared = this.seen?.circuit.state === 'open' ? this.seen.restUntil - now : 0;
    return Math.max(0, shared, this.machine.restMs(now));
  }

  /** The call's part in the shared circuit; undefined while Redis cannot be asked. */
  sharedPart(now: number): Part | undefined {
    return this.seen && this.isFresh(now) ? { epoch: this.seen.circuit.epoch, probe: false } : undefined;
  }

  /** The call's part in this process' own circuit; undefined if that has none to give. */
  ownPart(id: string, now: number, rules: CircuitRules): Part | undefined {
    const verdict = this.machine.admit(id, now, rules);
    return 'restMs' in verdict ? undefined : verdict;
  }

  /** What a call came to. @returns whether that opened this process' own circuit */
  ended(
    id: string,
    part: Part,
    result: CallResult,
    counts: Counts,
    now: number,
    rules: CircuitRules,
  ): boolean {
    const before = this.machine.state;
    if (part.probe) this.machine.settle(id, part.epoch, result, now, rules);
    else if (result !== 'none') this.machine.record(SELF, part.epoch, counts, now, rules);
    return before !== 'open' && this.machine.state === 'open';
  }
}
