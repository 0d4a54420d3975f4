import { AppError } from '../../platform/errors/app-error';
import { resultOf } from './call-result';

const postgresAway = new Error('Connection terminated unexpectedly');
const redisAway = Object.assign(new Error('away'), { name: 'MaxRetriesPerRequestError' });

describe('what a failed call says about a dependency', () => {
  it('is nothing bad, if the caller was wrong', () => {
    expect(resultOf(new AppError('JOB_NOT_FOUND'), 'postgres')).toBe('good');
    expect(resultOf(new AppError('VALIDATION_ERROR'), 'postgres')).toBe('good');
  });

  it('is nothing, if we were', () => {
    expect(resultOf(new TypeError('x is undefined'), 'postgres')).toBe('none');
    expect(resultOf(new AppError('INTERNAL_ERROR'), 'postgres')).toBe('none');
  });

  it('is bad for what was away, and only for that', () => {
    expect(resultOf(postgresAway, 'postgres')).toBe('bad');
    expect(resultOf(postgresAway, 'queue')).toBe('none');
    expect(resultOf(redisAway, 'queue')).toBe('bad');
    expect(resultOf(redisAway, 'postgres')).toBe('none');
  });

  it('is found behind what was thrown for it', () => {
    expect(resultOf(new AppError('SERVICE_UNAVAILABLE', 'x', { cause: postgresAway }), 'postgres')).toBe(
      'bad',
    );
  });

  it('is bad for all when time was up', () => {
    expect(resultOf(new AppError('TIMEOUT'), 'storage')).toBe('bad');
  });
});
