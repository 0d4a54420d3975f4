import fc from 'fast-check';
import { convertInPieces } from '../../../test/support/in-pieces';
import { CsvRows } from './csv-rows';

function convert(text: string, cuts: number[] = [], times = 0): { text: string; rows: number } {
  return convertInPieces(new CsvRows(times), text, cuts);
}

describe('rows of CSV', () => {
  it('end with CRLF, but for those in quotes', () => {
    expect(convert('a,"x\ny"\n"1""\n",2\n\n')).toEqual({ text: 'a,"x\ny"\r\n"1""\n",2\r\n\r\n', rows: 3 });
  });

  it('have their times in ISO 8601, and nothing else is changed', () => {
    const given = 'a b,2026-01-02 03:04:05.678,,2026-01-02 03:04:05\n"x, y\n",,,\n,2026-01-02 03:04:05.1,,\n';
    expect(convert(given, [], 3).text).toBe(
      'a b,2026-01-02T03:04:05.678Z,,2026-01-02T03:04:05Z\r\n"x, y\n",,,\r\n,2026-01-02T03:04:05.1Z,,\r\n',
    );
    expect(convert('2026-01-02 03:04:05,\n', [], 2).text).toBe('2026-01-02T03:04:05Z,\r\n');
    expect(convert('2026-01-02 03:04:05,2026-01-02 03:04:05\n', [], 1).text).toBe(
      '2026-01-02 03:04:05,2026-01-02T03:04:05Z\r\n',
    );
  });

  it('are the same wherever the pieces end', () => {
    const cell = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'é', ' ') }),
      fc.string({ unit: fc.constantFrom('a', '""', '\n', '\r\n', ',', ' ') }).map((text) => `"${text}"`),
    );
    const time = fc.constantFrom(['', ''], ['2026-01-02 03:04:05.6', '2026-01-02T03:04:05.6Z']);
    const row = fc.record({
      cells: fc.array(cell, { minLength: 1, maxLength: 4 }),
      times: fc.array(time, { minLength: 2, maxLength: 2 }),
    });
    fc.assert(
      fc.property(fc.array(row), fc.array(fc.nat()), (rows, cuts) => {
        const text = (which: 0 | 1, end: string) =>
          rows
            .map(({ cells, times }) => [...cells, ...times.map((one) => one[which])].join(',') + end)
            .join('');
        expect(convert(text(0, '\n'), cuts, 2)).toEqual({ text: text(1, '\r\n'), rows: rows.length });
      }),
    );
  });
});
