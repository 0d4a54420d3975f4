import { DatabaseError } from 'pg';
import { AppError } from './app-error';
import { reasonOf, unavailableServer } from './unavailable';

const queryFailed = (code: string) => Object.assign(new DatabaseError('failed', 0, 'error'), { code });
const socket = (code: string) => Object.assign(new Error(code), { code });
const named = (name: string, message = 'away') => Object.assign(new Error(message), { name });

describe('the reason of a failure', () => {
  it.each<[unknown, string]>([
    [new Error('Command timed out'), 'Redis: Command timed out'],
    [
      new Error('Connection terminated due to connection timeout'),
      'Postgres: Connection terminated due to connection timeout',
    ],
    [queryFailed('57P01'), `Postgres: ${queryFailed('57P01').message}`],
    // Whose it is stands there already, or is not sure.
    [
      new Error('LOADING Redis is loading the dataset in memory'),
      'LOADING Redis is loading the dataset in memory',
    ],
    [socket('ECONNREFUSED'), 'ECONNREFUSED'],
    [new TypeError('x is undefined'), 'x is undefined'],
    ['text', 'text'],
  ])('names whose time is up: %s', (error, reason) => expect(reasonOf(error)).toBe(reason));
});

describe('what an error says about servers', () => {
  it.each([
    [queryFailed('57P01'), 'postgres'],
    // A primary that has become a standby.
    [queryFailed('25006'), 'postgres'],
    [queryFailed('53300'), 'postgres'],
    [queryFailed('08006'), 'postgres'],
    [socket('ECONNREFUSED'), 'postgres'],
    [socket('ENETUNREACH'), 'postgres'],
    [new Error('Connection terminated unexpectedly'), 'postgres'],
    [new Error('timeout exceeded when trying to connect'), 'postgres'],
    [named('MaxRetriesPerRequestError'), 'redis'],
    [new Error('Command timed out'), 'redis'],
    [new Error('Connection is closed.'), 'redis'],
    [new Error('LOADING Redis is loading the dataset in memory'), 'redis'],
    [
      new Error('MISCONF Redis is configured to save RDB snapshots, but is unable to persist to disk'),
      'redis',
    ],
    [new Error('NOREPLICAS Not enough good replicas to write.'), 'redis'],
    [new Error('BUSY Redis is busy running a script.'), 'redis'],
  ])('%s: %s', (error, server) => {
    expect(unavailableServer(error)).toBe(server);
  });

  it.each([
    queryFailed('23505'),
    queryFailed('42601'),
    new TypeError('x is undefined'),
    new Error('BUSYGROUP Consumer Group name already exists'),
    new AppError('JOB_NOT_FOUND'),
    'text',
    null,
  ])('%s: nothing', (error) => {
    expect(unavailableServer(error)).toBeUndefined();
  });
});
