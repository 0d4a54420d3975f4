import { isWellFormed } from './token-form';

const part = (json: string) => Buffer.from(json).toString('base64url');
const token = (header = '{"alg":"EdDSA"}', payload = '{"sub":"u1"}', signature = 'AAAA') =>
  `${part(header)}.${part(payload)}.${signature}`;

describe('the form of a token', () => {
  it('is that of ours', () => expect(isWellFormed(token())).toBe(true));

  it.each<[string, string]>([
    ['a claim twice', token(undefined, '{"sub":"u1","sub":"u2"}')],
    ['a header twice', token('{"alg":"EdDSA","alg":"none"}')],
    ['a prototype', token(undefined, '{"__proto__":{"sub":"u1"}}')],
    ['a number that is not exact', token(undefined, '{"exp":9007199254740993}')],
    ['a list', token(undefined, '[]')],
    ['no JSON', token(undefined, 'sub')],
    ['no signature', token(undefined, undefined, '')],
    ['padding', `${token()}=`],
    ['another alphabet', token(undefined, undefined, 'AA+/')],
    ['spare bits', token(undefined, undefined, 'AB')],
    ['a dot too many', `${token()}.`],
    ['a part too few', 'AAAA.AAAA'],
    ['space', `${token()} `],
    ['nothing', ''],
  ])('is not %s', (_what, text) => expect(isWellFormed(text)).toBe(false));
});
