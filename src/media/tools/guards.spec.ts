import { ffmpegArgs, ffprobeArgs, FORMAT_WHITELIST, MAX_PIXELS } from './guards';

const command = {
  inputs: [
    { path: '/work/one.mp4', maxDurationS: 10, seekS: 2.5 },
    { path: '/work/two.mp4', maxDurationS: 1e-7 },
  ],
  output: ['-f', 'null', '-'],
};

/** The options that stand before each input, since the input before it. */
function optionsOfInputs(args: readonly string[]): string[][] {
  const found: string[][] = [];
  let from = 0;
  args.forEach((arg, index) => {
    if (arg !== '-i') return;
    found.push(args.slice(from, index));
    from = index + 2;
  });
  return found;
}

const pair = (options: readonly string[], name: string) => options[options.indexOf(name) + 1];

describe('ffmpegArgs', () => {
  it('puts every guard before each input', () => {
    const inputs = optionsOfInputs(ffmpegArgs(command, 5));

    expect(inputs).toHaveLength(2);
    for (const options of inputs) {
      expect(pair(options, '-protocol_whitelist')).toBe('file');
      expect(pair(options, '-format_whitelist')).toBe(FORMAT_WHITELIST);
      expect(pair(options, '-max_pixels')).toBe(String(MAX_PIXELS));
      expect(options).toContain('-t');
    }
    expect(inputs[0]).toEqual(expect.arrayContaining(['-nostdin', '-max_alloc']));
  });

  it('names inputs as files, so that no name is read as a URL or an option', () => {
    const args = ffmpegArgs({ ...command, inputs: [{ path: '/work/http://x', maxDurationS: 1 }] }, 5);

    expect(pair(args, '-i')).toBe('file:/work/http://x');
  });

  it.each(['http://127.0.0.1/x.mp4', 'concat:a|b', '-i', 'name.mp4'])('refuses the path %s', (path) => {
    expect(() => ffmpegArgs({ ...command, inputs: [{ path, maxDurationS: 1 }] }, 5)).toThrow(TypeError);
    expect(() => ffprobeArgs(path)).toThrow(TypeError);
  });

  it('writes seconds without an exponent', () => {
    const [first, second] = optionsOfInputs(ffmpegArgs(command, 5));

    expect(pair(first ?? [], '-ss')).toBe('2.500000');
    expect(pair(second ?? [], '-t')).toBe('0.000000');
  });

  it('leaves out what old builds do not know', () => {
    expect(ffmpegArgs(command, 4)).not.toContain('-stats_period');
    expect(ffmpegArgs(command, 5)).toContain('-stats_period');
  });

  it('lets no playlist or image format through, and wav only for files of our own', () => {
    const formats = FORMAT_WHITELIST.split(',');

    for (const format of ['hls', 'concat', 'dash', 'image2', 'tee', 'wav', 'png_pipe', 'svg_pipe'])
      expect(formats).not.toContain(format);
    const own = ffmpegArgs({ ...command, inputs: [{ path: '/a.wav', maxDurationS: 1, ownWav: true }] }, 5);
    expect(pair(own, '-format_whitelist')).toBe('wav');
  });
});

describe('ffprobeArgs', () => {
  it('puts every guard before the input', () => {
    const [options = []] = optionsOfInputs(ffprobeArgs('/work/one.mp4'));

    expect(options).toEqual(
      expect.arrayContaining([
        '-protocol_whitelist',
        '-format_whitelist',
        '-max_pixels',
        '-max_alloc',
        '-probesize',
      ]),
    );
  });
});
