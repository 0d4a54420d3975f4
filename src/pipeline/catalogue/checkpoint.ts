import type { Tx } from '../../platform/postgres/db';

/**
 * What is kept of how far an action is, for whoever goes on with it: of an operation, the process that does if this one
 * dies; of a sync action, a retry under the same key that finds it unknown. Saved in the transaction of each effect,
 * nothing is done twice and nothing is left out.
 */
export interface Checkpoint {
  /** What an earlier run of this execution saved last; undefined if there was none. */
  resume<T extends object>(): T | undefined;
  /**
   * Keeps `state` (JSON), in the transaction of the effect that it tells of.
   *
   * @throws ClaimLost if another process has taken the execution over: let it undo the transaction
   */
  save(state: object, tx?: Tx): Promise<void>;
}

/** Of what is done in one go and never gone on with. */
export const NO_CHECKPOINT: Checkpoint = {
  resume: () => undefined,
  save: () => Promise.resolve(),
};
