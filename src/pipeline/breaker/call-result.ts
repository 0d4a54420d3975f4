import { AppError } from '../../platform/errors/app-error';
import { unavailableServer } from '../../platform/errors/unavailable';
import type { Dependency } from '../catalogue/action.decorator';
import type { CallResult } from './circuit-store';

/** Which dependencies a server that is away stands for. */
const BEHIND: Record<'postgres' | 'redis', readonly Dependency[]> = {
  postgres: ['postgres'],
  redis: ['redis', 'queue'],
};

/**
 * What an error says about a dependency. That a job does not exist, or a bug of ours, says nothing about
 * Postgres; only that it was away, or did not answer in time, does.
 */
export function resultOf(error: unknown, dependency: Dependency): CallResult {
  if (error instanceof AppError && error.code === 'TIMEOUT') return 'bad';
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    const server = unavailableServer(cause);
    if (server) return BEHIND[server].includes(dependency) ? 'bad' : 'none';
  }
  return error instanceof AppError && error.status < 500 ? 'good' : 'none';
}
