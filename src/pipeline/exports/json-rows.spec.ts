import fc from 'fast-check';
import { cells, textOf } from '../../../test/support/copied-row';
import { JsonRows } from './json-rows';

const { text, uuid, integer, time } = cells;

describe('rows of NDJSON', () => {
  it('are objects of what stands in the cells', () => {
    const columns = { id: 'uuid', n: 'number', 'a "title"': 'free', status: 'plain', count: 'integer', at: 'time', steps: 'json' } as const; // prettier-ignore
    const id = '01890a5d-00ff-7000-8000-0000000abcde';
    const given = [
      [uuid(id), text('-0.25'), text('\\N "x"\t\v\u0001é'), text('a'), integer(12), time(1_600_000n), text('[{"a":"\\"\\\\"}]')],
      [uuid(id), null, null, null, null, null, null],
    ]; // prettier-ignore
    expect(textOf(new JsonRows(columns), given)).toBe(
      [
        String.raw`{"id":"${id}","n":-0.25,"a \"title\"":"\\N \"x\"\t\u000b\u0001é","status":"a","count":12,"at":"2000-01-01T00:00:01.6Z","steps":[{"a":"\"\\"}]}`,
        `{"id":"${id}","n":null,"a \\"title\\"":null,"status":null,"count":null,"at":null,"steps":null}`,
        '',
      ].join('\n'),
    );
  });

  it('are what JSON makes of them, whatever their texts are', () => {
    const character = fc.oneof(
      fc.constantFrom(...'"\\\t\n\v\f\r\b\u0001\u001f\u007f N'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }),
    );
    const free = fc.option(fc.string({ unit: character }));
    fc.assert(
      fc.property(fc.array(fc.tuple(free, free)), (rows) => {
        const given = rows.map((row) => row.map(text));
        const wanted = rows.map(([a, b]) => `${JSON.stringify({ a, b })}\n`).join('');
        expect(textOf(new JsonRows({ a: 'free', b: 'free' }), given)).toBe(wanted);
      }),
    );
  });

  it('have room, however long they become', () => {
    const long = '\u0001'.repeat(100_000);
    const given = [[text(long)], [text('b')]];
    expect(textOf(new JsonRows({ a: 'free' }), given)).toBe(`${JSON.stringify({ a: long })}\n{"a":"b"}\n`);
  });
});
