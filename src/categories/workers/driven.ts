import { type RuntimeDriver, RuntimeDriverError } from '../../fleet/runtime-driver';
import { AppError } from '../../platform/errors/app-error';

/**
 * Does something with what runs the processes of this installation.
 *
 * @throws AppError SERVICE_NOT_MANAGED if there is no such thing; RUNTIME_UNAVAILABLE if it cannot do that; WORKER_EXISTS
 */
export async function driven<T>(
  driver: RuntimeDriver | null,
  work: (driver: RuntimeDriver) => Promise<T>,
): Promise<T> {
  if (!driver) throw new AppError('SERVICE_NOT_MANAGED', 'Nothing starts and stops processes here.');
  try {
    return await work(driver);
  } catch (error) {
    if (!(error instanceof RuntimeDriverError)) throw error;
    const code = error.code === 'EXISTS' ? 'WORKER_EXISTS' : 'RUNTIME_UNAVAILABLE';
    throw new AppError(code, error.message, { cause: error });
  }
}
