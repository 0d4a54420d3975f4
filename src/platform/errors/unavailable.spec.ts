import { DatabaseError } from 'pg';
import { AppError } from './app-error';
import { unavailableServer } from './unavailable';

const queryFailed = (code: string) => Object.assign(new DatabaseError('failed', 0, 'error'), { code });
const socket = (code: string) => Object.assign(new Error(code), { code });
const named = (name: string, message = 'away') => Object.assign(new Error(message), { name });

describe('what an error says about servers', () => {
  it.each([
    [queryFailed('57P01'), 'postgres'],
    [queryFailed('53300'), 'postgres'],
    [queryFailed('08006'), 'postgres'],
    [socket('ECONNREFUSED'), 'postgres'],
    [new Error('Connection terminated unexpectedly'), 'postgres'],
    [new Error('timeout exceeded when trying to connect'), 'postgres'],
    [named('MaxRetriesPerRequestError'), 'redis'],
    [new Error('Command timed out'), 'redis'],
    [new Error('Connection is closed.'), 'redis'],
    [new Error('LOADING Redis is loading the dataset in memory'), 'redis'],
  ])('%s: %s', (error, server) => {
    expect(unavailableServer(error)).toBe(server);
  });

  it.each([
    queryFailed('23505'),
    queryFailed('42601'),
    new TypeError('x is undefined'),
    new AppError('JOB_NOT_FOUND'),
    'text',
    null,
  ])('%s: nothing', (error) => {
    expect(unavailableServer(error)).toBeUndefined();
  });
});
