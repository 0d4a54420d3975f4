import { AppError } from '../../platform/errors/app-error';
import { type Server, unavailableServer } from '../../platform/errors/unavailable';
import type { Dependency } from '../catalogue/action.decorator';
import type { CallResult } from './circuit';

/** Which dependencies a server that is away stands for. */
const BEHIND: Record<Server, readonly Dependency[]> = {
  postgres: ['postgres'],
  redis: ['redis', 'queue'],
  storage: ['storage'],
};
/** What the operating system says when files cannot be kept, whoever asked for what. */
const STORAGE_CODES = new Set(['EIO', 'ENOSPC', 'EROFS', 'EDQUOT', 'ESTALE', 'EMFILE', 'ENFILE']);

/**
 * What an error says about a dependency. That a job does not exist, or a bug of ours, says nothing about
 * Postgres; only that it was away, or did not answer in time, does.
 */
export function resultOf(error: unknown, dependency: Dependency): Exclude<CallResult, 'good'> {
  if (error instanceof AppError && error.code === 'TIMEOUT') return 'bad';
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (isStorageFault(cause)) return dependency === 'storage' ? 'bad' : 'none';
    const server = unavailableServer(cause);
    if (server) return BEHIND[server].includes(dependency) ? 'bad' : 'none';
  }
  return 'none';
}

function isStorageFault(error: Error): boolean {
  if (error instanceof AppError) return error.code === 'STORAGE_FULL' || error.code === 'STORAGE_REFUSED';
  const { code } = error as NodeJS.ErrnoException;
  return code !== undefined && STORAGE_CODES.has(code);
}
