import fc from 'fast-check';
import { LogBuffer } from './log-buffer';

const DEBUG = 20;
const INFO = 30;
const WARN = 40;
const ERROR = 50;

/** All that is in it, in the order in which it goes. */
function drain(buffer: LogBuffer): string[] {
  const lines: string[] = [];
  while (buffer.length > 0) lines.push(...buffer.take(100, 1_000).lines);
  return lines;
}

describe('a buffer of log lines', () => {
  it('gives everything back as it came, while there is room', () => {
    const buffer = new LogBuffer(100);
    for (let i = 0; i < 9; i++) buffer.push(DEBUG, `line ${i}`);
    expect(drain(buffer)).toEqual(Array.from({ length: 9 }, (_, i) => `line ${i}`));
    expect(buffer.takeOmitted().size).toBe(0);
  });

  it('samples debug lines first, then those that inform, and keeps each warning and error', () => {
    const buffer = new LogBuffer(10_000);
    for (let i = 0; i < 30_000; i++) {
      buffer.push(DEBUG, 'debug');
      buffer.push(INFO, 'info');
      if (i % 100 === 0) buffer.push(i % 200 === 0 ? WARN : ERROR, `important ${i}`);
    }
    const omitted = Object.fromEntries(buffer.takeOmitted());
    const lines = drain(buffer);
    const count = (line: string) => lines.filter((one) => one === line).length;

    expect(lines.filter((line) => line.startsWith('important'))).toHaveLength(300);
    expect(count('debug') + (omitted['debug'] ?? 0)).toBe(30_000);
    expect(count('info') + (omitted['info'] ?? 0)).toBe(30_000);
    expect(count('debug')).toBeGreaterThan(500);
    expect(count('debug')).toBeLessThan(count('info'));
    expect(Object.keys(omitted).sort()).toEqual(['debug', 'info']);
  });

  it('keeps fewer debug lines when nobody takes on what is further on', () => {
    const buffer = new LogBuffer(10_000);
    buffer.pressure = 0.2;
    for (let i = 0; i < 100; i++) buffer.push(DEBUG, 'debug');
    expect(buffer.length).toBe(1);
    buffer.pressure = 0;
    buffer.push(DEBUG, 'debug');
    expect(buffer.length).toBe(2);
  });

  it('is bounded by what its lines hold, too, wherever they are', () => {
    const buffer = new LogBuffer(1_000, 10_000);
    const line = 'x'.repeat(1_000);
    for (let i = 0; i < 20; i++) buffer.push(INFO, line);
    expect(buffer.length).toBe(5);
    for (let i = 0; i < 20; i++) buffer.push(ERROR, line);
    expect(drain(buffer)).toHaveLength(10);
    expect([...buffer.takeOmitted()]).toEqual([
      ['info', 20],
      ['error', 10],
    ]);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 20; i++) buffer.push(ERROR, line);
      const batches = [buffer.take(4, 100_000), buffer.take(4, 100_000)];
      expect(buffer.length).toBe(2);
      buffer.putBack(batches);
      buffer.push(ERROR, line);
      expect(drain(buffer)).toHaveLength(10);
    }
  });

  it('is bounded even by warnings, and counts those, too', () => {
    const buffer = new LogBuffer(100);
    for (let i = 0; i < 150; i++) buffer.push(WARN, 'warn');
    expect(buffer.length).toBe(100);
    expect([...buffer.takeOmitted()]).toEqual([['warn', 50]]);
    expect(buffer.takeOmitted().size).toBe(0);
  });

  it('gives no more at once than was asked for, but never nothing', () => {
    const line = fc.record({ level: fc.constantFrom(DEBUG, INFO, WARN), text: fc.string({ maxLength: 50 }) });
    fc.assert(
      fc.property(fc.array(line), fc.integer({ min: 1, max: 9 }), fc.nat(100), (lines, most, characters) => {
        const buffer = new LogBuffer();
        for (const { level, text } of lines) buffer.push(level, text);
        let taken = 0;
        while (buffer.length > 0) {
          const some = buffer.take(most, characters).lines;
          expect(some.length).toBeGreaterThan(0);
          expect(some.length).toBeLessThanOrEqual(most);
          expect(some.slice(0, -1).join('').length).toBeLessThanOrEqual(characters);
          taken += some.length;
        }
        expect(taken).toBe(lines.length);
      }),
    );
  });

  it('gives what could not be sent again first', () => {
    const buffer = new LogBuffer();
    for (const line of ['a', 'b', 'c']) buffer.push(INFO, line);
    buffer.putBack([buffer.take(2, 100)]);
    expect(buffer.length).toBe(3);
    expect(drain(buffer)).toEqual(['a', 'b', 'c']);
  });

  it('gives it as it was, under the same id, and each other batch under one of its own', () => {
    const buffer = new LogBuffer();
    for (const line of ['a', 'b', 'c']) buffer.push(WARN, line);
    const batches = [buffer.take(1, 100), buffer.take(1, 100)];
    buffer.putBack(batches);
    buffer.push(ERROR, 'd');
    expect([buffer.take(9, 100), buffer.take(9, 100)]).toEqual(batches);
    expect(buffer.hasReturned).toBe(false);
    const last = buffer.take(9, 100);
    expect(last.lines).toEqual(['c', 'd']);
    expect(new Set([...batches, last].map(({ id }) => id)).size).toBe(3);
  });

  it('gives up lines that only inform for warnings, the youngest first, and counts them', () => {
    const buffer = new LogBuffer(100);
    for (let i = 0; i < 10; i++) buffer.push(DEBUG, `debug ${i}`);
    for (let i = 0; i < 40; i++) buffer.push(INFO, `info ${i}`);
    for (let i = 0; i < 99; i++) buffer.push(WARN, `warn ${i}`);
    expect(buffer.length).toBe(100);
    expect(Object.fromEntries(buffer.takeOmitted())).toEqual({ info: 40, debug: 9 });
    const lines = drain(buffer);
    expect(lines.filter((line) => line.startsWith('warn'))).toHaveLength(99);
    expect(lines.at(-1)).toBe('debug 0');
  });

  it('takes a word about itself even when it is full, and gives it first', () => {
    const buffer = new LogBuffer(10);
    for (let i = 0; i < 20; i++) buffer.push(WARN, `warn ${i}`);
    buffer.pushFirst('10 were left out');
    expect(drain(buffer).slice(0, 2)).toEqual(['10 were left out', 'warn 0']);
  });
});
