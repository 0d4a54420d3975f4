import { LineSplitter, RingBuffer } from './ring-buffer';

describe('RingBuffer', () => {
  it('keeps the end and says that the beginning is missing', () => {
    const buffer = new RingBuffer(10);
    for (const part of ['aaaaa', 'bbbbb', 'ccccc', 'ddd']) buffer.push(Buffer.from(part));

    expect(buffer.toString()).toBe('[... earlier output left out ...]\nbbcccccddd');
  });

  it('keeps all of what fits', () => {
    const buffer = new RingBuffer(10);
    buffer.push(Buffer.from('short'));

    expect(buffer.toString()).toBe('short');
  });

  it('cuts one piece that is larger than the buffer', () => {
    const buffer = new RingBuffer(4);
    buffer.push(Buffer.from('0123456789'));

    expect(buffer.toString()).toBe('[... earlier output left out ...]\n6789');
  });
});

describe('LineSplitter', () => {
  function split(parts: string[], limit?: number): string[] {
    const lines: string[] = [];
    const splitter = new LineSplitter((line) => lines.push(line), limit);
    for (const part of parts) splitter.push(Buffer.from(part));
    splitter.end();
    return lines;
  }

  it('joins lines over pieces and hands over the last one', () => {
    expect(split(['on', 'e\ntw', 'o\r\nthree'])).toEqual(['one', 'two', 'three']);
  });

  it('does not keep an endless line', () => {
    expect(split(['x'.repeat(50), 'y'.repeat(50), '\nnext'], 20)[0]?.length).toBeLessThanOrEqual(20);
  });
});
