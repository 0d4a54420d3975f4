import { hasGrown, ProgressParser, type ProgressBlock } from './progress';

function parse(text: string): ProgressBlock[] {
  const parser = new ProgressParser();
  return text
    .split('\n')
    .map((line) => parser.push(line))
    .filter((block) => block !== undefined);
}

describe('ProgressParser', () => {
  it('answers one block for each progress line', () => {
    const blocks = parse(
      'frame=10\nout_time_us=400000\ntotal_size=2048\nspeed= 2x\nprogress=continue\n' +
        'frame=20\nout_time_us=800000\ntotal_size=4096\nprogress=end',
    );

    expect(blocks).toEqual([
      { frame: 10, outTimeS: 0.4, totalSize: 2048, done: false },
      { frame: 20, outTimeS: 0.8, totalSize: 4096, done: true },
    ]);
  });

  it.each(['N/A', '', '-9223372036854775807'])('takes %p for not known', (value) => {
    const [block] = parse(`out_time_us=${value}\ntotal_size=N/A\nprogress=continue`);

    expect(block).toEqual({ frame: undefined, outTimeS: undefined, totalSize: undefined, done: false });
  });

  it('reads out_time_ms as the microseconds that it is', () => {
    expect(parse('out_time_ms=1500000\nprogress=continue')[0]?.outTimeS).toBe(1.5);
  });

  it('carries nothing over from one block to the next', () => {
    expect(parse('frame=7\nprogress=continue\nprogress=continue')[1]?.frame).toBeUndefined();
  });
});

describe('hasGrown', () => {
  const block = (frame?: number, outTimeS?: number, totalSize?: number): ProgressBlock => ({
    frame,
    outTimeS,
    totalSize,
    done: false,
  });

  it('is true for the first block and the last one', () => {
    expect(hasGrown(undefined, block())).toBe(true);
    expect(hasGrown(block(5), { ...block(5), done: true })).toBe(true);
  });

  it('is true when any count rose, false when none did', () => {
    expect(hasGrown(block(5, 1, 100), block(5, 1, 101))).toBe(true);
    expect(hasGrown(block(undefined, undefined), block(undefined, 0))).toBe(true);
    expect(hasGrown(block(5, 1, 100), block(5, 1, 100))).toBe(false);
    expect(hasGrown(block(5, 1), block(5, undefined))).toBe(false);
  });
});
