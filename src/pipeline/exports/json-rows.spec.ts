import fc from 'fast-check';
import { convertInPieces as convert } from '../../../test/support/in-pieces';
import { JsonRows } from './json-rows';

/** A cell as COPY writes it in its text format. */
function copied(text: string | null): string {
  if (text === null) return String.raw`\N`;
  const escapes: Record<string, string> = { '\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', '\\': '\\' }; // prettier-ignore
  return text.replace(/[\b\t\n\v\f\r\\]/g, (character) => `\\${escapes[character]}`);
}

describe('rows of NDJSON', () => {
  const columns = { id: 'plain', n: 'number', title: 'free', at: 'time', steps: 'json' } as const;

  it('are objects of what stands in the cells', () => {
    const given = [
      ['a-b', '-0.25', copied('\\N "x"\t\v\u0001é'), '2026-01-02 03:04:05.6', copied('[{"a":"\\"\\\\"}]')],
      ['c', '1e+20', '', copied(null), '[]'],
      ['d', copied(null), copied(null), '2026-01-02 03:04:05', copied(null)],
    ];
    const text = given.map((cells) => `${cells.join('\t')}\n`).join('');
    expect(convert(new JsonRows(columns), text)).toEqual({
      rows: 3,
      text: [
        String.raw`{"id":"a-b","n":-0.25,"title":"\\N \"x\"\t\u000b\u0001é","at":"2026-01-02T03:04:05.6Z","steps":[{"a":"\"\\"}]}`,
        '{"id":"c","n":1e+20,"title":"","at":null,"steps":[]}',
        '{"id":"d","n":null,"title":null,"at":"2026-01-02T03:04:05Z","steps":null}',
        '',
      ].join('\n'),
    });
  });

  it('are the same wherever the pieces end, whatever their texts are', () => {
    const character = fc.oneof(
      fc.constantFrom(...'"\\\t\n\v\f\r\b\u0001\u001f\u007f N'),
      fc.string({ unit: 'grapheme', minLength: 1, maxLength: 1 }).filter((one) => one !== '\0'),
    );
    const text = fc.option(fc.string({ unit: character }));
    fc.assert(
      fc.property(fc.array(fc.tuple(text, text)), fc.array(fc.nat()), (rows, cuts) => {
        const given = rows.map((cells) => `${cells.map(copied).join('\t')}\n`).join('');
        const wanted = rows.map(([a, b]) => `${JSON.stringify({ a, b })}\n`).join('');
        const converter = new JsonRows({ a: 'free', b: 'free' });
        expect(convert(converter, given, cuts)).toEqual({ text: wanted, rows: rows.length });
      }),
    );
  });

  it('have room, however long they become', () => {
    const long = '\u0001'.repeat(100_000);
    const { text } = convert(new JsonRows({ a: 'free' }), `${long}\nb\n`);
    expect(text).toBe(`${JSON.stringify({ a: long })}\n{"a":"b"}\n`);
  });
});
