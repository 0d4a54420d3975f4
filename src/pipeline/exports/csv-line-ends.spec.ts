import fc from 'fast-check';
import { CsvLineEnds } from './csv-line-ends';

/** What becomes of a text that comes in pieces cut at these places. */
function convert(text: string, cuts: number[] = []): { text: string; rows: number } {
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  const ends = new CsvLineEnds();
  let rows = 0;
  const pieces = places.slice(1).map((to, n) => {
    const converted = ends.convert(bytes.subarray(places[n], to));
    rows += converted.rows;
    return Buffer.from(converted.text);
  });
  return { text: Buffer.concat(pieces).toString(), rows };
}

describe('the line ends of CSV', () => {
  it('are CRLF, but for those in quotes', () => {
    expect(convert('a,"x\ny"\n"1""\n",2\n\n')).toEqual({ text: 'a,"x\ny"\r\n"1""\n",2\r\n\r\n', rows: 3 });
  });

  it('are the same wherever the pieces end', () => {
    const cell = fc.oneof(
      fc.string({ unit: fc.constantFrom('a', 'é', ' ') }),
      fc.string({ unit: fc.constantFrom('a', '""', '\n', '\r\n', ',') }).map((text) => `"${text}"`),
    );
    const rows = fc.array(fc.array(cell, { minLength: 1, maxLength: 4 }).map((cells) => cells.join(',')));
    fc.assert(
      fc.property(rows, fc.array(fc.nat()), (lines, cuts) => {
        const given = lines.map((line) => `${line}\n`).join('');
        const wanted = lines.map((line) => `${line}\r\n`).join('');
        expect(convert(given, cuts)).toEqual({ text: wanted, rows: lines.length });
      }),
    );
  });
});
