import { AppError } from '../../errors/app-error';
import { SOCKET_CODES, StorageAway } from '../../errors/unavailable';

/** What servers other than AWS' own, which is never full, call a full disk or an exceeded quota. */
const FULL = ['XMinioStorageFull', 'InsufficientStorage', 'QuotaExceeded', 'XMinioAdminBucketQuotaExceeded'];

interface S3Fault {
  name?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Whether S3 said that there is nothing under a key. */
export function isMissing(error: unknown): boolean {
  const { name, $metadata } = error as S3Fault;
  return name === 'NoSuchKey' || name === 'NotFound' || $metadata?.httpStatusCode === 404;
}

/**
 * Turns "no space" and "no access" into what the caller is told, and says of a server that is away which one it is: by
 * the codes of its sockets it could be taken for Postgres. Everything else stays as it is.
 */
export function s3Error(error: unknown): unknown {
  const { name = '', code = '', $metadata } = error as S3Fault;
  // A wrong key or secret, a clock that is far off, or a policy: who asks by HEAD is not told which.
  if ($metadata?.httpStatusCode === 403 || $metadata?.httpStatusCode === 401)
    return new AppError('STORAGE_REFUSED', undefined, { cause: error });
  if ($metadata?.httpStatusCode === 507 || FULL.includes(name))
    return new AppError('STORAGE_FULL', undefined, { cause: error });
  if (SOCKET_CODES.has(code) || name === 'TimeoutError' || ($metadata?.httpStatusCode ?? 0) >= 500)
    return new StorageAway(error);
  return error;
}
