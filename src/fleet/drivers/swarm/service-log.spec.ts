import { readServiceLog } from './service-log';

function frame(stream: number, text: string): Buffer {
  const bytes = Buffer.from(text);
  const header = Buffer.alloc(8);
  header[0] = stream;
  header.writeUInt32BE(bytes.length, 4);
  return Buffer.concat([header, bytes]);
}

const at = (ms: number) => `2026-11-25T16:40:10.${String(ms).padStart(3, '0')}000000Z`;

describe('readServiceLog', () => {
  it('sorts the lines of all tasks and streams by time', () => {
    const log = Buffer.concat([
      frame(1, `${at(3)} task=a third\n`),
      frame(2, `${at(1)} task=a first: über\n`),
      frame(1, `${at(2)} task=b second  with  spaces \n`),
    ]);
    expect(readServiceLog(log)).toEqual([
      { at: at(1), line: 'first: über' },
      { at: at(2), line: 'second  with  spaces ' },
      { at: at(3), line: 'third' },
    ]);
  });

  it('puts pieces together by where they came from, though others come in between', () => {
    const log = Buffer.concat([
      frame(1, `${at(1)} task=a one `),
      frame(1, `${at(1)} task=b other\n`),
      frame(2, `${at(1)} task=a error\n`),
      frame(1, `${at(1)} task=a line\n`),
      frame(1, `${at(2)} task=a without end`),
    ]);
    expect(
      readServiceLog(log)
        .map(({ line }) => line)
        .sort(),
    ).toEqual(['error', 'one line', 'other', 'without end']);
  });

  it('keeps empty lines, and reads nothing out of nothing', () => {
    expect(readServiceLog(frame(1, `${at(1)} task=a \n`))).toEqual([{ at: at(1), line: '' }]);
    expect(readServiceLog(Buffer.alloc(0))).toEqual([]);
  });
});
