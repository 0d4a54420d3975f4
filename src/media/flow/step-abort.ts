/**
 * Why a running step is to stop:
 * `cancel` its job is cancelled; `lost` it belongs to somebody else by now; `release` this worker stops;
 * `timeout` it took too long.
 */
export type AbortKind = 'cancel' | 'lost' | 'release' | 'timeout';

/** The reason of the AbortSignal of a running step. */
export class StepAbort extends Error {
  override name = 'AbortError';

  constructor(readonly kind: AbortKind) {
    super(`The step was aborted (${kind})`);
  }
}

/** Why the signal was aborted; undefined if it was not. */
export function abortKind(signal: AbortSignal): AbortKind | undefined {
  if (!signal.aborted) return undefined;
  return signal.reason instanceof StepAbort ? signal.reason.kind : 'lost';
}
