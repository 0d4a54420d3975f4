/** How a circuit stands by what the calls came to. */
export type CircuitPhase = 'closed' | 'open' | 'probing';

/** A change of a circuit. `released`: what an operator forced was taken away. */
export type CircuitChange = 'opened' | 'probing' | 'closed' | 'forced_open' | 'forced_closed' | 'released';

/** A circuit as it was at one moment. */
export interface CircuitView {
  readonly state: CircuitPhase;
  /** Raised by each change: a result of a call that began in an earlier one decides nothing. */
  readonly epoch: number;
  /** Until a call may be tried, in milliseconds; 0 if that is now. */
  readonly restMs: number;
  /** How often it has opened in a row. */
  readonly trips: number;
  /** What an operator holds it at; it is then that, whatever the state. */
  readonly forced: 'open' | 'closed' | null;
  /** When its rest ends, in milliseconds since 1970 by Redis' clock; 0 unless it is open. */
  readonly openUntil: number;
}

/** Calls that have ended, counted. */
export interface Counts {
  readonly all: number;
  readonly bad: number;
  readonly slow: number;
}

/** What a call says about its dependency; `none`: nothing. */
export type CallResult = 'good' | 'bad' | 'none';

/** Whoever waits for a probe asks again so soon, in milliseconds: most probes are decided at once. */
export const PROBE_WAIT_MS = 1_000;
