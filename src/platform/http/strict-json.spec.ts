import { AppError } from '../errors/app-error';
import { parseStrictJson } from './strict-json';

describe('parseStrictJson', () => {
  it.each([
    '{}',
    '[]',
    'null',
    '"x"',
    '{"a":{"b":[1,2.5,-3,true,null,"é"]}}',
    '{"a":0.1}',
    '{"a":9007199254740991.0}',
    '{"a":1.5e3}',
    '{"a":[123e65,1E22,-1.0e+28,100000000000000000000.0]}',
    '{"a":0.12345678901234567890}',
    '{"a:b":":"}',
    '{"a":"he said \\":\\" {[{[ twice","b\\\\":1}',
  ])('reads %s as JSON.parse does', (text) => expect(parseStrictJson(text)).toEqual(JSON.parse(text)));

  it.each([
    ['a doubled key', '{"a":1,"a":2}'],
    ['a doubled key with equal values', '{"a":1,"a":1}'],
    ['a doubled key hidden by an escape', '{"a":1,"\\u0061":1}'],
    ['an integer beyond 2^53', '{"n":9007199254740993}'],
    ['an integer beyond 2^53 with a point', '{"n":9007199254740993.0}'],
    ['an integer beyond 2^53 with an exponent', '{"n":-9007199254740993e0}'],
    ['an integer beyond 2^53 by its exponent', '{"n":90071992547409.93E2}'],
    ['a number that overflows', '{"n":1e400}'],
    ['a number that vanishes', '{"n":1e-999}'],
    ['minus zero', '{"n":-0}'],
    ['__proto__', '{"__proto__":{"isAdmin":true}}'],
    ['__proto__ hidden by an escape', '{"\\u005f_proto__":{"isAdmin":true}}'],
    ['constructor', '{"a":{"constructor":{"prototype":1}}}'],
    ['hasOwnProperty', '{"a":[{"hasOwnProperty":1}]}'],
    ['toString', '{"toString":"x"}'],
    ['NUL in a value', '{"a":"\\u0000"}'],
    ['NUL in a key', '{"\\u0000":1}'],
    ['a lone surrogate', '{"a":"\\ud800"}'],
    ['nesting over 32', '['.repeat(33) + ']'.repeat(33)],
    ['a depth bomb', '['.repeat(490_000)],
    ['a trailing comma', '[1,]'],
    ['a byte order mark', '\ufeff{}'],
    ['nothing', ''],
  ])('refuses %s', (_name, text) => {
    expect(() => parseStrictJson(text)).toThrow(AppError);
    expect(({} as Record<string, unknown>).isAdmin).toBeUndefined();
  });

  it('keeps pairs of surrogates', () => expect(parseStrictJson('"\\ud83d\\ude00"')).toBe('😀'));
});
