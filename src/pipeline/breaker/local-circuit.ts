import type { CallResult, CircuitPhase, Counts } from './circuit';
import { CircuitMachine } from './circuit-machine';
import type { CircuitRules } from './circuit-rules';
import type { SharedCircuit } from './circuit-store';

/** For how long what Redis said is gone by, in milliseconds; it is asked four times as often. */
export const FRESH_MS = 1_000;

/** The one process that a machine of its own counts. */
const SELF = 'self';

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
  private seen?: { circuit: SharedCircuit; at: number; restUntil: number };
  private epoch?: number;

  /** How it stands for this process: open, if it is so here or for all. */
  get state(): CircuitPhase {
    const phases = [this.seen?.circuit.state, this.machine.state];
    return phases.includes('open') ? 'open' : phases.includes('probing') ? 'probing' : 'closed';
  }

  /**
   * Takes note of what Redis said. Where that changed, what this process thought by itself is over.
   *
   * @param now when it was asked: better to ask once too often than to wait longer than one must
   */
  saw(circuit: SharedCircuit, now: number): void {
    const changed = this.epoch !== undefined && this.epoch !== circuit.epoch;
    if (changed || circuit.state !== 'closed') this.machine.reset();
    this.seen = { circuit, at: now, restUntil: now + circuit.restMs };
    this.epoch = circuit.epoch;
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
  sharedPart(now: number, probe: boolean): Part | undefined {
    return this.seen && this.isFresh(now) ? { epoch: this.seen.circuit.epoch, probe } : undefined;
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
