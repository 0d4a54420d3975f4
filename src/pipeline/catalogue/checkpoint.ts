import type { Tx } from '../../platform/postgres/db';

/**
 * What an operation keeps of how far it is, for the process that goes on with it if this one dies. Bulk work
 * saves it in the transaction of each effect: then nothing is done twice and nothing is left out.
 */
export interface Checkpoint {
  /** What an earlier run of this operation saved last; undefined if there was none. */
  resume<T extends object>(): T | undefined;
  /**
   * Keeps `state` (JSON), in the transaction of the effect that it tells of.
   *
   * @throws ClaimLost if another process has taken the operation over: let it undo the transaction
   */
  save(state: object, tx?: Tx): Promise<void>;
}

/** Of what is done in one go and never gone on with. */
export const NO_CHECKPOINT: Checkpoint = {
  resume: () => undefined,
  save: () => Promise.resolve(),
};
