import * as fc from 'fast-check';
import { exactJson } from './exact-json';

describe('exact JSON', () => {
  it('is what JSON.parse says of all that JavaScript wrote', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), (value) => {
        const text = JSON.stringify(value);
        expect(exactJson(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  it.each([
    ['100', 100],
    ['1000000000000000000000', 1e21],
    ['-1234500000000000000000000000000', -1.2345e30],
    ['0.0000001', 1e-7],
    ['-0.00000015', -1.5e-7],
    ['1e+21', 1e21],
    ['{"a": [0.1, -5, "1.0"]}', { a: [0.1, -5, '1.0'] }],
  ])('takes %s, as jsonb or JavaScript writes it', (text, value) => {
    expect(exactJson(text)).toEqual(value);
  });

  it.each(['1.0', '1.00000000000000000001', '9007199254740993', '1e2', '-0', '1e400', '[1, {"a": 2.50}]'])(
    'tells %s from the number that JSON.parse makes of it',
    (text) => {
      expect(exactJson(text)).not.toEqual(JSON.parse(text));
      expect(exactJson(text)).toEqual({ '\u0000inexact': text });
    },
  );

  it('keeps keys that are something else to JavaScript', () => {
    expect(Object.keys(exactJson('{"__proto__": {"a": 1}}') as object)).toEqual(['__proto__']);
  });

  it('is not fooled by numbers within texts, nor by quotes in them', () => {
    expect(exactJson('{"a\\"1.0": "\\\\", "b": "1.0\\n"}')).toEqual({ 'a"1.0': '\\', b: '1.0\n' });
  });

  it('refuses what is no JSON', () => {
    expect(() => exactJson('{')).toThrow(SyntaxError);
  });
});
