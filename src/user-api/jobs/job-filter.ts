import type { JobStatus } from '../../media/flow/transitions';
import { firstIdOf } from '../../platform/postgres/uuid-time';
import { Conditions } from '../conditions';

/** Which jobs; all of what is given holds. */
export interface JobFilter {
  /** Of this user. */
  userId?: string;
  status?: JobStatus;
  /** Failed with this code. */
  errorCode?: string;
  /** Created then or later. */
  from?: Date;
  /** Created before then. */
  before?: Date;
}

/**
 * The filter as a condition on `jobs`, each part of which an index has: their ids begin with the time of their creation,
 * so that times are ranges of ids.
 */
export function jobConditions(filter: JobFilter, params: unknown[] = []): Conditions {
  return new Conditions(params)
    .add(filter.userId, (place) => `user_id = ${place}::uuid`)
    .add(filter.status, (place) => `status = ${place}`)
    .add(filter.errorCode, (place) => `status = 'failed' AND error_code = ${place}`)
    .add(filter.from && firstIdOf(filter.from), (place) => `id >= ${place}::uuid`)
    .add(filter.before && firstIdOf(filter.before), (place) => `id < ${place}::uuid`);
}
