import { AppError } from '../../platform/errors/app-error';
import { StorageAway } from '../../platform/errors/unavailable';
import { resultOf } from './call-result';

const postgresAway = new Error('Connection terminated unexpectedly');
const redisAway = Object.assign(new Error('away'), { name: 'MaxRetriesPerRequestError' });
const diskFull = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });

describe('what a failed call says about a dependency', () => {
  it('is nothing, if the caller was wrong', () => {
    expect(resultOf(new AppError('JOB_NOT_FOUND'), 'postgres')).toBe('none');
    expect(resultOf(new AppError('VALIDATION_ERROR'), 'postgres')).toBe('none');
  });

  it('is nothing, if we were, or were too busy', () => {
    const locked = Object.assign(new Error('Semaphore locked'), { code: 'ESEMLOCKED' });
    expect(resultOf(new TypeError('x is undefined'), 'postgres')).toBe('none');
    expect(resultOf(new AppError('INTERNAL_ERROR'), 'postgres')).toBe('none');
    expect(resultOf(new AppError('SERVICE_UNAVAILABLE', 'x', { cause: locked }), 'postgres')).toBe('none');
  });

  it('is bad for what was away, and only for that', () => {
    expect(resultOf(postgresAway, 'postgres')).toBe('bad');
    expect(resultOf(postgresAway, 'queue')).toBe('none');
    expect(resultOf(redisAway, 'queue')).toBe('bad');
    expect(resultOf(redisAway, 'postgres')).toBe('none');
    expect(resultOf(diskFull, 'storage')).toBe('bad');
    for (const code of ['STORAGE_FULL', 'STORAGE_REFUSED'] as const)
      expect(resultOf(new AppError(code), 'storage')).toBe('bad');
    expect(resultOf(diskFull, 'postgres')).toBe('none');
    const bucketAway = new StorageAway(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' }));
    expect(resultOf(bucketAway, 'storage')).toBe('bad');
    expect(resultOf(bucketAway, 'postgres')).toBe('none');
  });

  it('is found behind what was thrown for it', () => {
    const wrapped = (cause: Error) => new AppError('SERVICE_UNAVAILABLE', 'x', { cause });
    expect(resultOf(wrapped(postgresAway), 'postgres')).toBe('bad');
    expect(resultOf(wrapped(diskFull), 'storage')).toBe('bad');
  });

  it('is bad for all when time was up', () => {
    expect(resultOf(new AppError('TIMEOUT'), 'storage')).toBe('bad');
  });
});
