import { AsyncLocalStorage } from 'node:async_hooks';
import { Batcher } from './batcher';

/** A call that waits until the test lets it go. */
function heldCalls() {
  const calls: {
    items: readonly number[];
    done: (results: (number | Promise<number>)[]) => void;
    fail: (error: Error) => void;
  }[] = [];
  const call = (items: readonly number[]) =>
    new Promise<(number | Promise<number>)[]>((done, fail) => calls.push({ items, done, fail }));
  return { calls, call };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

/** When nothing is waited for any more. */
async function soon(): Promise<void> {
  for (let i = 0; i < 10; i++) await turn();
}

describe('a batcher', () => {
  it('calls at once when nothing is under way, and together for what comes meanwhile', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call);
    const first = batcher.push(1);
    await soon();
    const others = [batcher.push(2), batcher.push(3)];
    await soon();
    expect(calls.map(({ items }) => items)).toEqual([[1]]);
    calls[0]?.done([10]);
    expect(await first).toBe(10);
    await soon();
    expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
    calls[1]?.done([20, 30]);
    expect(await Promise.all(others)).toEqual([20, 30]);
  });

  it('calls in the same turn of the event loop for what somebody watches, with what is pushed at once', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call, { eager: true, lanes: 2 });
    const results = [batcher.push(1), batcher.push(2)];
    expect(calls).toEqual([]);
    await Promise.resolve();
    results.push(batcher.push(3));
    await new Promise(process.nextTick);
    results.push(batcher.push(4));
    await new Promise(process.nextTick);
    expect(calls.map(({ items }) => items)).toEqual([[1, 2, 3], [4]]);
    for (const { items, done } of calls) done([...items]);
    expect(await Promise.all(results)).toEqual([1, 2, 3, 4]);
  });

  it('lets nobody who is alone wait for a turn of the event loop, until there are others', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call);
    const alone = batcher.push(1);
    await new Promise(process.nextTick);
    calls[0]?.done([1]);
    await alone;
    const again = batcher.push(2);
    await new Promise(process.nextTick);
    expect(calls.map(({ items }) => items)).toEqual([[1], [2]]);
    const others = [batcher.push(3), batcher.push(4)];
    calls[1]?.done([2]);
    await again;
    await soon();
    calls[2]?.done([3, 4]);
    await Promise.all(others);
    const after = batcher.push(5);
    await new Promise(process.nextTick);
    expect(calls.map(({ items }) => items)).toEqual([[1], [2], [3, 4]]);
    await soon();
    calls[3]?.done([5]);
    expect(await after).toBe(5);
  });

  it('takes along what the next turns of the event loop bring, and does not wait for ever', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call, { size: 100 });
    const results = [batcher.push(0), batcher.push(1)];
    await soon();
    calls[0]?.done([0, 1]);
    const pushUntilCalled = async () => {
      const { length } = calls;
      while (calls.length === length && results.length < 50) {
        results.push(batcher.push(results.length));
        await turn();
      }
    };
    await pushUntilCalled();
    const gathered = calls[1];
    expect(gathered?.items.length).toBeGreaterThan(2);
    expect(gathered?.items.length).toBeLessThan(10);
    gathered?.done([...gathered.items]);
    await soon();
    calls[2]?.done([...calls[2].items]);
    expect(await Promise.all(results)).toEqual(results.map((_, i) => i));
  });

  it('takes no more than its size into a call, and has no more calls under way than lanes', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call, { lanes: 2, size: 3 });
    const all = Promise.all(Array.from({ length: 8 }, (_, i) => batcher.push(i)));
    await soon();
    expect(calls.map(({ items }) => items)).toEqual([
      [0, 1, 2],
      [3, 4, 5],
    ]);
    calls[1]?.done([3, 4, 5]);
    await soon();
    await soon();
    expect(calls[2]?.items).toEqual([6, 7]);
    calls[0]?.done([0, 1, 2]);
    calls[2]?.done([6, 7]);
    expect(await all).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  });

  it('goes on after a call that failed, which fails its items and no others', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call);
    const failed = [batcher.push(1), batcher.push(2)].map((one) =>
      one.catch((error: Error) => error.message),
    );
    await soon();
    const next = batcher.push(3);
    calls[0]?.fail(new Error('away'));
    expect(await Promise.all(failed)).toEqual(['away', 'away']);
    await soon();
    calls[1]?.done([3]);
    expect(await next).toBe(3);
  });

  it('does not wait for an item that goes on alone', async () => {
    const { calls, call } = heldCalls();
    const batcher = new Batcher(call);
    const alone = batcher.push(1);
    const good = batcher.push(2);
    await soon();
    let settle: (value: number) => void = () => undefined;
    calls[0]?.done([new Promise((resolve) => (settle = resolve)), 2]);
    expect(await good).toBe(2);
    void batcher.push(3);
    await soon();
    expect(calls[1]?.items).toEqual([3]);
    settle(1);
    expect(await alone).toBe(1);
  });

  it('belongs to none of those who wait', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const batcher = new Batcher((items: readonly string[]) => {
      seen.push(storage.getStore());
      return Promise.resolve(items);
    });
    const after = await storage.run('mine', async () => {
      await batcher.push('x');
      return storage.getStore();
    });
    expect([seen, after]).toEqual([[undefined], 'mine']);
  });
});
