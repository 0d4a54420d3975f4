import { setImmediate as turn } from 'node:timers/promises';
import { Ahead } from './ahead';

describe('what is begun ahead', () => {
  it('is there when it is asked for, as often as it is', async () => {
    const ahead = new Ahead(Promise.resolve(7));
    await ahead.ended();
    expect([await ahead.get(), await ahead.get()]).toEqual([7, 7]);
  });

  it('fails where it is asked for, and nowhere else', async () => {
    const unheard = jest.fn();
    process.on('unhandledRejection', unheard);
    const ahead = new Ahead(Promise.reject(new Error('broken')));
    await turn();
    await ahead.ended();
    process.off('unhandledRejection', unheard);
    expect(unheard).not.toHaveBeenCalled();
    await expect(ahead.get()).rejects.toThrow('broken');
  });
});
