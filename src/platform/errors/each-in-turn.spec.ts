import { StorageAway } from './unavailable';
import { eachInTurn } from './each-in-turn';

describe('eachInTurn', () => {
  const going = new AbortController().signal;

  it('adds up what was done', async () => {
    expect(await eachInTurn([1, 2, 3], going, (n) => Promise.resolve(n))).toBe(6);
  });

  it('goes on past those that fail, and tells of the first when all had their turn', async () => {
    const seen: number[] = [];
    const work = async (n: number): Promise<number> => {
      seen.push(n);
      if (n % 2 === 0) throw new Error(`EACCES: ${n}`);
      return Promise.resolve(1);
    };
    await expect(eachInTurn([1, 2, 3, 4, 5], going, work)).rejects.toThrow('EACCES: 2');
    expect(seen).toEqual([1, 2, 3, 4, 5]);
  });

  it('does not try the rest where a server is away', async () => {
    const work = jest.fn(() => Promise.reject(new StorageAway('gone')));
    await expect(eachInTurn([1, 2], going, work)).rejects.toThrow('gone');
    expect(work).toHaveBeenCalledTimes(1);
  });

  it('ends early when it is to', async () => {
    const stopping = new AbortController();
    const sum = await eachInTurn([1, 2], stopping.signal, (n) => {
      stopping.abort();
      return Promise.resolve(n);
    });
    expect(sum).toBe(1);
  });
});
