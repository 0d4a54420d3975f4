import fc from 'fast-check';
import { applyPatch, changesBetween } from './patch';

const BASE = { a: { b: 1, c: [1, 2] }, d: null, e: 'x' };

describe('a patch', () => {
  it.each<[string, Record<string, unknown>, Record<string, unknown>]>([
    ['changes what it names', { a: { b: 2 } }, { a: { b: 2, c: [1, 2] }, d: null, e: 'x' }],
    ['replaces lists', { a: { c: [] } }, { a: { b: 1, c: [] }, d: null, e: 'x' }],
    ['takes away with null', { a: { b: null }, e: null }, { a: { c: [1, 2] }, d: null }],
    ['adds, without its nulls', { f: { g: null, h: 1 } }, { ...BASE, f: { h: 1 } }],
    ['puts an object in place of what was none', { e: { x: 1 } }, { ...BASE, e: { x: 1 } }],
    ['leaves out what is undefined', { e: undefined }, BASE],
  ])('%s', (_what, patch, expected) => {
    const before = structuredClone(BASE);
    expect(applyPatch(BASE, patch)).toEqual(expected);
    expect(BASE).toEqual(before);
  });

  it.each([
    ['{"__proto__": {"polluted": true}}', 'settings.__proto__'],
    ['{"a": {"constructor": {"prototype": {"polluted": true}}}}', 'settings.a.constructor'],
    ['{"new": {"deep": {"__proto__": {"polluted": true}}}}', 'settings.new.deep.__proto__'],
    ['{"prototype": 1}', 'settings.prototype'],
  ])('does not reach a prototype: %s', (json, path) => {
    const patch = JSON.parse(json) as Record<string, unknown>;
    expect(() => applyPatch(BASE, patch)).toThrow(
      expect.objectContaining({ code: 'VALIDATION_ERROR', details: [expect.objectContaining({ path })] }),
    );
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined();
  });

  it('pollutes nothing, whatever it is made of', () => {
    const key = fc.constantFrom(
      '__proto__',
      'constructor',
      'prototype',
      'toString',
      'a',
      'b',
      'a.__proto__.b',
    );
    const { tree } = fc.letrec((tie) => ({
      tree: fc.oneof(
        { maxDepth: 5 },
        fc.constantFrom<unknown>(1, null, true, ['x']),
        fc.array(fc.tuple(key, tie('tree'))).map((pairs) => JSON.parse(asJson(pairs)) as unknown),
      ),
    }));
    const untouched = Object.getOwnPropertyNames(Object.prototype).join();
    fc.assert(
      fc.property(fc.dictionary(fc.constant('a'), tree), (patch) => {
        try {
          expect(Object.getPrototypeOf(applyPatch(BASE, patch))).toBe(Object.prototype);
        } catch (error) {
          expect(error).toMatchObject({ code: 'VALIDATION_ERROR' });
        }
        expect(Object.getOwnPropertyNames(Object.prototype).join()).toBe(untouched);
      }),
    );
  });
});

describe('the changes between two states', () => {
  it('are named setting by setting', () => {
    const after = { a: { b: 2, c: [1, 2] }, d: null, e: null, f: { 'job.cancel': { limit: 5 } } };
    expect(changesBetween(BASE, after)).toEqual([
      { path: 'a.b', old: 1, new: 2 },
      { path: 'e', old: 'x', new: null },
      { path: 'f["job.cancel"].limit', old: null, new: 5 },
    ]);
  });

  it('are none where only classes differ', () => {
    class Part {
      b = 1;
    }
    expect(changesBetween({ a: new Part() }, { a: { b: 1 } })).toEqual([]);
  });

  it('show no secrets, but addresses and numbers', () => {
    const changes = changesBetween(
      {},
      { api_token: 'abc', access_token_s: 60, nets: ['10.0.0.0/8'], note: 'Bearer abc123def456' },
    );
    expect(changes.map((change) => change.new)).toEqual(['[masked]', 60, ['10.0.0.0/8'], 'Bearer [masked]']);
  });
});

function asJson(pairs: [string, unknown][]): string {
  return `{${pairs.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join()}}`;
}
