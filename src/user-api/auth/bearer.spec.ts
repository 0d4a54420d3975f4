import { tokenOf } from './bearer';

describe('the token in Authorization', () => {
  it.each(['Bearer abc', 'bearer abc', 'BEARER abc'])('is in %s', (value) =>
    expect(tokenOf(value)).toBe('abc'),
  );

  it.each([
    undefined,
    '',
    'Bearer',
    'Bearer ',
    'Bearer  abc',
    'Bearer abc d',
    'Bearer abc ',
    ' Bearer abc',
    'Basic abc',
    'Digest abc',
    'abc',
  ])('is not in %p', (value) => expect(tokenOf(value)).toBeUndefined());
});
