import fc from 'fast-check';
import { cells, textOf } from '../../../test/support/copied-row';
import { CsvRows } from './csv-rows';
import { csvLines } from './export-format';

const { text, uuid, smallint, integer, time } = cells;

describe('rows of CSV', () => {
  it('have their cells as Postgres writes them, and times in ISO 8601', () => {
    const rows = new CsvRows(['uuid', 'free', 'plain', 'integer', 'integer', 'number', 'time', 'time']);
    const id = '01890a5d-00ff-7000-8000-0000000abcde';
    const given = [
      [uuid(id), text('a, "b"\r\n'), text('failed'), smallint(7), integer(-120_034), text('0.25'), time(1_500_000n), null],
      [uuid(id), text(''), text('x'), smallint(10), integer(0), text('1e-05'), time(-1_000n), time(0n)],
      [uuid(id), null, text('=x'), smallint(-1), integer(1), text('1'), time(86_400_000_000n), time(90_000n)],
    ]; // prettier-ignore
    expect(textOf(rows, given)).toBe(
      [
        `${id},"a, ""b""\r\n",failed,7,-120034,0.25,2000-01-01T00:00:01.5Z,`,
        `${id},"",x,10,0,1e-05,1999-12-31T23:59:59.999Z,2000-01-01T00:00:00Z`,
        `${id},,=x,-1,1,1,2000-01-02T00:00:00Z,2000-01-01T00:00:00.09Z`,
        '',
      ].join('\r\n'),
    );
    expect(rows.taken()).toHaveLength(0);
  });

  it('are those of the library that writes small files, whatever their texts are', () => {
    const character = fc.oneof(
      fc.constantFrom(...'"\',\r\n\t =-+@1a\u00a0\u200b\uff1d'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    );
    // Of an empty text alone, that library makes what is null.
    const free = fc.string({ unit: character, minLength: 1 });
    fc.assert(
      fc.property(fc.array(fc.tuple(free, fc.option(free))), (rows) => {
        const given = rows.map((row) => row.map(text));
        expect(textOf(new CsvRows(['free', 'free']), given)).toBe(csvLines(rows));
      }),
    );
  });

  it('have room, however long they become', () => {
    const long = '"'.repeat(200_000);
    const given = [[text(long)], [text('b')]];
    expect(textOf(new CsvRows(['free']), given)).toBe(`"${long}${long}"\r\nb\r\n`);
  });
});
