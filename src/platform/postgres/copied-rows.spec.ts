import fc from 'fast-check';
import { once } from 'node:events';
import { Readable } from 'node:stream';
import type { Connection } from 'pg';
import { cells, copiedRow } from '../../../test/support/copied-row';
import { CopiedRows } from './copied-rows';

function message(type: string, ...contents: Buffer[]): Buffer {
  const bytes = Buffer.concat(contents);
  return Buffer.concat([Buffer.from(type), cells.integer(bytes.length + 4), bytes]);
}

const HEADER = Buffer.from('PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0', 'latin1');
const BEFORE = [message('H', Buffer.from('\x01\0\0', 'latin1')), message('S', Buffer.from('a\0b\0'))];
const AFTER = [message('c'), message('C', Buffer.from('COPY 2\0')), message('Z', Buffer.from('T'))];
const row = (text: string): Buffer => Buffer.concat([cells.smallint(1), copiedRow([Buffer.from(text)])]);

/** What a statement makes of messages that come in these pieces. */
async function read(pieces: readonly Buffer[]) {
  const driver: Buffer[] = [];
  const taken: string[] = [];
  const stream = Readable.from(pieces, { objectMode: false, highWaterMark: 1 });
  const copied = new CopiedRows('COPY', {
    take: (bytes, at, end) => taken.push(bytes.toString('utf8', at + 4, end)),
  });
  stream.on('data', (bytes: Buffer) => {
    driver.push(Buffer.from(bytes));
    if (bytes[0] === 0x45) copied.handleError(new Error('as the driver tells it'));
  });
  copied.submit({ stream, query: () => undefined } as unknown as Connection);
  const ended = once(stream, 'end');
  let rows = 0;
  let failure: unknown;
  try {
    for await (const more of copied.read()) rows += more;
  } catch (error) {
    failure = error;
  }
  await ended;
  return { taken, rows, driver: Buffer.concat(driver).toString('latin1'), failure };
}

describe('the rows of a COPY', () => {
  it('are whole wherever the pieces end, and everything else is the driver’s', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.string()),
        fc.array(fc.nat(), { maxLength: 20 }),
        fc.boolean(),
        async (texts, cuts, apart) => {
          // Postgres sends its header with the first message; the protocol does not say so.
          const [first = cells.smallint(-1), ...more] = [...texts.map(row), cells.smallint(-1)];
          const head = apart ? [message('d', HEADER), message('d', first)] : [message('d', HEADER, first)];
          const [a, ...rest] = more.map((one) => message('d', one));
          const rows = a ? [...head, a, message('N'), ...rest] : head;
          const bytes = Buffer.concat([...BEFORE, ...rows, ...AFTER]);
          const places = [
            0,
            ...cuts.map((cut) => cut % (bytes.length + 1)).sort((x, y) => x - y),
            bytes.length,
          ];
          const pieces = places.slice(1).map((to, n) => bytes.subarray(places[n], to)).filter(({ length }) => length > 0); // prettier-ignore
          const notice = a ? [message('N')] : [];
          expect(await read(pieces)).toEqual({
            taken: texts,
            rows: texts.length,
            driver: Buffer.concat([...BEFORE, ...notice, ...AFTER]).toString('latin1'),
            failure: undefined,
          });
        },
      ),
    );
  });

  it('end with the error that the statement ends with', async () => {
    const error = message('E', Buffer.from('SERROR\0\0'));
    const ready = message('Z', Buffer.from('E'));
    const pieces = [...BEFORE, message('d', HEADER, row('a')), error, ready];
    const outcome = await read(pieces);
    expect(outcome).toMatchObject({ taken: ['a'], rows: 1, failure: new Error('as the driver tells it') });
    expect(outcome.driver).toBe(Buffer.concat([...BEFORE, error, ready]).toString('latin1'));
    expect(await read([error, ready])).toMatchObject({ taken: [], failure: expect.any(Error) });
  });

  it('end when the connection is lost, or was before', async () => {
    const copied = new CopiedRows('COPY', { take: () => undefined });
    const next = copied.read().next();
    copied.handleError(new Error('lost'));
    await expect(next).rejects.toThrow('lost');
  });
});
