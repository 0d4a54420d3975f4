import { withLiterals } from './copy-out';

describe('a statement with its parameters in it', () => {
  it('has them where their numbers stand', () => {
    expect(withLiterals('SELECT $2, $1, $1', [1, null])).toBe(`SELECT NULL, '1', '1'`);
    expect(withLiterals('x = ANY($1)', [['a', 'b']])).toBe(`x = ANY(ARRAY['a', 'b'])`);
  });

  it.each([`x'; DROP TABLE jobs; --`, `\\'; DROP TABLE jobs; --`, `$1`, `'`])(
    'is not changed by the text %s',
    (text) => {
      const sql = withLiterals('SELECT $1', [text]);
      expect(sql.replace(/'(?:[^'\\]|''|\\\\)*'$/, '')).toMatch(/^SELECT (?: E)?$/);
    },
  );

  it('cannot be made of parameters that are missing or no values', () => {
    expect(() => withLiterals('SELECT $2', [1])).toThrow('$2');
    expect(() => withLiterals('SELECT $1', [{}])).toThrow('object');
  });
});
