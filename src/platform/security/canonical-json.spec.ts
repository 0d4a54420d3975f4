import * as fc from 'fast-check';
import { canonicalJson, fingerprint } from './canonical-json';

describe('canonicalJson', () => {
  it('is the same for any order of keys', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue(), { maxKeys: 8 }), (object) => {
        const shuffled = Object.fromEntries(Object.entries(object).reverse());
        expect(fingerprint(shuffled).equals(fingerprint(object))).toBe(true);
      }),
    );
  });

  it('follows the example of RFC 8785', () => {
    expect(canonicalJson({ b: 1e21, a: [1.0, 'é', null] })).toBe('{"a":[1,"é",null],"b":1e+21}');
  });

  it('differs for different values', () => {
    expect(fingerprint({ a: 1 }).equals(fingerprint({ a: '1' }))).toBe(false);
    expect(fingerprint({ a: [1, 2] }).equals(fingerprint({ a: [2, 1] }))).toBe(false);
  });
});
