import { AfterCommits } from './after-commits';

describe('what is done after commits', () => {
  /** A piece of work that ends when told to. */
  function piece(log: string[], name: string) {
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const work = async () => {
      log.push(`${name} begins`);
      await ended;
      log.push(`${name} ends`);
    };
    return { work, end };
  }

  it('is done in order, one at a time, behind who goes on', async () => {
    const log: string[] = [];
    const after = new AfterCommits();
    const [first, second] = [piece(log, 'first'), piece(log, 'second')];
    await after.add(first.work);
    expect(log).toEqual(['first begins']);
    const added = after.add(second.work).then(() => log.push('went on'));
    second.end();
    await Promise.resolve();
    expect(log).toEqual(['first begins']);
    first.end();
    await added;
    await after.done();
    expect(log.filter((line) => line !== 'went on')).toEqual([
      'first begins',
      'first ends',
      'second begins',
      'second ends',
    ]);
  });

  it('tells of a failure once it is asked, and does nothing more', async () => {
    const after = new AfterCommits();
    await after.add(() => Promise.reject(new Error('away')));
    const later = jest.fn(() => Promise.resolve());
    await expect(after.add(later)).rejects.toThrow('away');
    await expect(after.done()).rejects.toThrow('away');
    expect(later).not.toHaveBeenCalled();
  });
});
