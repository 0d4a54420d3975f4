import * as fc from 'fast-check';
import { randomBytes } from 'node:crypto';
import { isSealed, SUBJECT_KEY_BYTES, SubjectCipher, unwrapKey, wrapKey } from './subject-cipher';

const key = randomBytes(SUBJECT_KEY_BYTES);
const cipher = new SubjectCipher(key, 'alice');

describe('what is sealed for a subject', () => {
  it('is read with the same key, whatever it says, and says the same each time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 700 }), (text) => {
        const sealed = cipher.seal('reason', text);
        expect(isSealed(sealed)).toBe(true);
        expect(cipher.open('reason', sealed)).toBe(text);
        expect(new SubjectCipher(key, 'alice').seal('reason', text)).toBe(sealed);
      }),
    );
  });

  it('shows nothing of the text, nor that it stands in another field or is of somebody else', () => {
    const forms = [
      cipher.seal('ip', '192.0.2.1'),
      cipher.seal('reason', '192.0.2.1'),
      new SubjectCipher(key, 'bob').seal('ip', '192.0.2.1'),
      new SubjectCipher(randomBytes(32), 'alice').seal('ip', '192.0.2.1'),
    ];
    expect(new Set(forms).size).toBe(4);
    expect(Buffer.from(forms[0]?.slice(9) ?? '', 'base64url').toString('latin1')).not.toContain('192');
  });

  it.each<[string, (sealed: string) => string | undefined]>([
    ['another key', (sealed) => new SubjectCipher(randomBytes(32), 'alice').open('ip', sealed)],
    ['another subject', (sealed) => new SubjectCipher(key, 'bob').open('ip', sealed)],
    ['another field', (sealed) => cipher.open('user_agent', sealed)],
    [
      'a changed byte',
      (sealed) =>
        cipher.open(
          'ip',
          sealed.replace(/.$/, (last) => (last === 'A' ? 'B' : 'A')),
        ),
    ],
    ['what was cut off', (sealed) => cipher.open('ip', sealed.slice(0, 20))],
    ['what is not sealed', () => cipher.open('ip', '192.0.2.1')],
  ])('is not read with, or from, %s', (_what, open) => {
    // 16 bytes after the nonce and before the tag: the last character of base64url carries no spare bits.
    expect(open(cipher.seal('ip', '192.0.2.123'))).toBeUndefined();
  });
});

describe('a wrapped key', () => {
  const wrappingKey = randomBytes(32);

  it('is unwrapped for its subject, by its installation, and by nobody else', () => {
    const wrapped = wrapKey(key, 'alice', wrappingKey);
    expect(unwrapKey(wrapped, 'alice', wrappingKey)).toEqual(key);
    expect(() => unwrapKey(wrapped, 'bob', wrappingKey)).toThrow();
    expect(() => unwrapKey(wrapped, 'alice', randomBytes(32))).toThrow();
    expect(wrapKey(key, 'alice', wrappingKey)).not.toEqual(wrapped);
  });
});
