/** What an operation had done when it was stopped, and what not. */
export interface StopReport {
  readonly done: number;
  /** Null if that cannot be told. */
  readonly not_done: number | null;
  /** Whatever else there is to say. */
  readonly [fact: string]: unknown;
}

/**
 * Thrown by a handler that ends at a safe point because its signal was aborted. A handler that returns has done
 * all of its work, whatever was asked of it meanwhile.
 */
export class StoppedEarly extends Error {
  override name = 'StoppedEarly';

  constructor(readonly report: StopReport) {
    super('Stopped on request');
  }
}

/** A safe point: ends the work here if that is asked for. @throws StoppedEarly with what `report` says */
export function mayStop(signal: AbortSignal, report: () => StopReport): void {
  if (signal.aborted) throw new StoppedEarly(report());
}
