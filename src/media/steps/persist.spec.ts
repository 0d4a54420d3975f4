import { DatabaseError } from 'pg';
import { isRefused, persist } from './persist';

const failed = (code: string) => Object.assign(new DatabaseError('no', 0, 'error'), { code });

describe('persisting', () => {
  it('tries again while Postgres is away, and gives the answer when it is back', async () => {
    let calls = 0;
    const answer = await persist(() => {
      calls += 1;
      return calls < 3 ? Promise.reject(new Error('ECONNREFUSED')) : Promise.resolve('stored');
    }, 5_000);
    expect([answer, calls]).toEqual(['stored', 3]);
  });

  it('gives up with the last error when it takes too long', async () => {
    await expect(persist(() => Promise.reject(failed('57P01')), 250)).rejects.toThrow('no');
  });

  it('does not ask again for what Postgres refuses', async () => {
    const write = jest.fn().mockRejectedValue(failed('23514'));
    await expect(persist(write, 5_000)).rejects.toThrow('no');
    expect(write).toHaveBeenCalledTimes(1);
  });

  it.each([
    ['a broken constraint', failed('23505'), true],
    ['text that cannot be stored', failed('22P05'), true],
    ['a shutdown', failed('57P01'), false],
    ['a deadlock', failed('40P01'), false],
    ['a lost connection', new Error('Connection terminated unexpectedly'), false],
  ])('tells a refusal from a mishap: %s', (_case, error, refused) => {
    expect(isRefused(error)).toBe(refused);
  });
});
