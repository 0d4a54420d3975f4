import { BoundedCollector } from './collector';

describe('BoundedCollector', () => {
  it('gives the value, or why there is none', async () => {
    const good = new BoundedCollector({ name: 'good', collect: () => Promise.resolve({ a: 1 }) });
    expect(await good.run()).toMatchObject({ ok: true, value: { a: 1 } });
    const bad = new BoundedCollector({ name: 'bad', collect: () => Promise.reject(new Error('no luck')) });
    expect(await bad.run()).toMatchObject({ ok: false, error: new Error('no luck') });
  });

  it('does not wait longer than the deadline, nor start again while the last reading hangs', async () => {
    let calls = 0;
    let finish: (value: object) => void = () => undefined;
    const slow = new BoundedCollector({
      name: 'slow',
      deadlineMs: 20,
      collect: () => {
        calls++;
        return new Promise<object>((resolve) => (finish = resolve));
      },
    });
    expect(await slow.run()).toMatchObject({ ok: false, error: new Error('No answer within 20 ms') });
    expect((await slow.run()).ok).toBe(false);
    expect(calls).toBe(1);
    finish({});
    await new Promise(setImmediate);
    const next = slow.run();
    expect(calls).toBe(2);
    finish({});
    expect((await next).ok).toBe(true);
  });
});
