import fc from 'fast-check';
import { applyPatch } from 'rfc6902';
import { jsonPatch } from './json-diff';

describe('jsonPatch', () => {
  const copy = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  const line = (id: number) => ({ id: `line-${id}`, text: `number ${id}` });
  const lines = (from: number, to: number) => Array.from({ length: to - from }, (_, n) => line(from + n));

  /** What a client makes of `before` with the patch. */
  function patched(before: unknown, after: unknown): unknown {
    const holder = { state: copy(before) };
    const patch = jsonPatch(before, after).map((one) => ({ ...one, path: `/state${one.path}` }));
    const errors = applyPatch(holder, copy(patch) as never).filter((error) => error !== null);
    expect(errors).toEqual([]);
    return holder.state;
  }

  it('makes one value of any other, applied by a library that knows nothing of this one', () => {
    const element = fc.oneof(
      fc.integer({ min: 0, max: 5 }),
      fc.record({ id: fc.integer({ min: 0, max: 6 }), a: fc.jsonValue({ maxDepth: 1 }) }),
      fc.jsonValue({ maxDepth: 2 }),
    );
    const value = fc.oneof(
      fc.jsonValue(),
      fc.array(element, { maxLength: 8 }),
      fc.dictionary(fc.constantFrom('a', 'b/c', '~d', '', 'e~1'), fc.array(element), { maxKeys: 4 }),
    );
    fc.assert(
      fc.property(value, value, (one, other) => {
        // As JSON has them: no -0, no undefined. Whoever applies patches refuses the name __proto__.
        const [before, after] = [copy(one), copy(other)];
        fc.pre(!JSON.stringify([before, after]).includes('"__proto__"'));
        expect(patched(before, after)).toEqual(after);
      }),
      { numRuns: 500 },
    );
  });

  it('is empty where nothing changed', () => {
    expect(jsonPatch({ a: lines(0, 5) }, { a: lines(0, 5) })).toEqual([]);
  });

  it('says of a list only what came and what went', () => {
    const patch = jsonPatch({ recent: lines(0, 50) }, { recent: [line(99), ...lines(0, 49)] });
    expect(patch).toEqual([
      { op: 'remove', path: '/recent/49' },
      { op: 'add', path: '/recent/0', value: line(99) },
    ]);
  });

  it('replaces a list that was put into another order', () => {
    const after = { recent: lines(0, 3).reverse() };
    expect(jsonPatch({ recent: lines(0, 3) }, after)).toEqual([
      { op: 'replace', path: '/recent', value: after.recent },
    ]);
  });
});
