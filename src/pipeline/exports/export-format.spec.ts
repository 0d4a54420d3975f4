import { csvLines, harmlessCell } from './export-format';

describe('a cell', () => {
  it.each([
    '=HYPERLINK("x")',
    '+1+1',
    '-1+1',
    '@SUM(A1)',
    '\t=1',
    '\r=1',
    ' =1',
    '\uff1d1',
    '\uff0b1',
    '\u200b=1',
  ])('that a spreadsheet would run (%j) is neutralised', (value) => {
    expect(harmlessCell(value)).toBe(`'${value}`);
  });

  it.each(['-5', '-5.25', '12', 'text', 'a=b', '', 'x-y'])(
    'that is harmless (%j) stays as it is',
    (value) => {
      expect(harmlessCell(value)).toBe(value);
    },
  );

  it('that is a number stays a number', () => {
    expect(harmlessCell(-5)).toBe(-5);
    expect(harmlessCell(null)).toBeNull();
  });
});

describe('CSV', () => {
  it('is as RFC 4180 has it, with harmless cells', () => {
    expect(csvLines([['a "b", c', 'two\nlines', null, -1, '=1+1']])).toBe(
      `"a ""b"", c","two\nlines",,-1,'=1+1\r\n`,
    );
  });
});
