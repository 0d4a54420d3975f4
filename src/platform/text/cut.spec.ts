import fc from 'fast-check';
import { beginning, ending } from './cut';

const FACE = '\u{1f600}';

describe('a text that is cut', () => {
  it.each([
    ['', 3, '', ''],
    ['abc', 3, 'abc', 'abc'],
    ['abcd', 3, 'abc', 'bcd'],
    [`ab${FACE}cd`, 3, `ab${FACE}`, `${FACE}cd`],
    [`${FACE}${FACE}`, 1, FACE, FACE],
    [`${FACE}${FACE}`, 0, '', ''],
  ])('%s to %d characters', (text, most, first, last) => {
    expect(beginning(text, most)).toBe(first);
    expect(ending(text, most)).toBe(last);
  });

  it('has as many characters as it may, whole ones, and what was at that end of it', () => {
    const texts = fc.string({ unit: fc.constantFrom('a', '\u00e9', '\u4e2d', FACE), maxLength: 30 });
    fc.assert(
      fc.property(texts, fc.nat(20), (text, most) => {
        const [first, last] = [beginning(text, most), ending(text, most)];
        const length = Math.min(most, [...text].length);
        expect([[...first].length, [...last].length]).toEqual([length, length]);
        expect([first.isWellFormed(), last.isWellFormed()]).toEqual([true, true]);
        expect([text.startsWith(first), text.endsWith(last)]).toEqual([true, true]);
      }),
    );
  });
});
