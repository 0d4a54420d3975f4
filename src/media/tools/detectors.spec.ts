import {
  blackCollector,
  freezeCollector,
  FrameValueCollector,
  LoudnessCollector,
  silenceCollector,
} from './detectors';

function feed<T extends { push(line: string): void }>(collector: T, lines: string): T {
  for (const line of lines.split('\n')) collector.push(line);
  return collector;
}

describe('silenceCollector', () => {
  it('reads pairs, and closes one that lasts to the end', () => {
    const collector = feed(
      silenceCollector(),
      '[silencedetect @ 0x1] silence_start: 6.01581\n' +
        '[silencedetect @ 0x1] silence_end: 8.02138 | silence_duration: 2.00557\n' +
        '[silencedetect @ 0x1] silence_start: 22.5',
    );

    expect(collector.finish(24)).toEqual([
      { start_s: 6.01581, end_s: 8.02138 },
      { start_s: 22.5, end_s: 24 },
    ]);
  });

  it('begins no earlier than the video and ends no later', () => {
    const collector = feed(
      silenceCollector(),
      'silence_start: -0.0052\nsilence_end: 30 | silence_duration: 30',
    );

    expect(collector.finish(24)).toEqual([{ start_s: 0, end_s: 24 }]);
  });

  it('ignores an end without a start and other lines', () => {
    expect(feed(silenceCollector(), 'silence_end: 3\nsilence_start: x\nhello').finish(24)).toEqual([]);
  });
});

describe('blackCollector', () => {
  it('reads start and end from one line', () => {
    const collector = feed(
      blackCollector(),
      '[blackdetect @ 0x2] black_start:12 black_end:14 black_duration:2',
    );

    expect(collector.finish(24)).toEqual([{ start_s: 12, end_s: 14 }]);
  });
});

describe('freezeCollector', () => {
  it('reads the lines of freezedetect, whose duration line it skips', () => {
    const collector = feed(
      freezeCollector(),
      '[freezedetect @ 0x3] lavfi.freezedetect.freeze_start: 33.967\n' +
        '[freezedetect @ 0x3] lavfi.freezedetect.freeze_duration: 4.033\n' +
        '[freezedetect @ 0x3] lavfi.freezedetect.freeze_end: 38\n' +
        '[freezedetect @ 0x3] lavfi.freezedetect.freeze_start: 1.5e+2',
    );

    expect(collector.finish(160)).toEqual([
      { start_s: 33.967, end_s: 38 },
      { start_s: 150, end_s: 160 },
    ]);
  });
});

describe('LoudnessCollector', () => {
  const SUMMARY = `[Parsed_ebur128_0 @ 0x4] Summary:

  Integrated loudness:
    I:         -27.9 LUFS
    Threshold: -38.1 LUFS

  Loudness range:
    LRA:         4.8 LU
    Threshold: -48.1 LUFS

  True peak:
    Peak:      -23.6 dBFS`;

  it('reads the summary and not the lines of single frames', () => {
    const collector = feed(new LoudnessCollector(), `[x] t: 0.4 M:-30 S:-120 I: -50.0 LUFS\n${SUMMARY}`);

    expect(collector.finish()).toEqual({ integratedLufs: -27.9, rangeLu: 4.8, truePeakDbtp: -23.6 });
  });

  it('answers null for silence, which has no loudness', () => {
    const silent = SUMMARY.replace('-27.9', '-70.0').replace('-23.6', '-inf');

    expect(feed(new LoudnessCollector(), silent).finish()).toEqual({
      integratedLufs: null,
      rangeLu: 4.8,
      truePeakDbtp: null,
    });
  });
});

describe('FrameValueCollector', () => {
  it('joins a time line with the value that follows, of the wished key only', () => {
    const collector = feed(
      new FrameValueCollector('lavfi.scd.score'),
      'frame:0    pts:0       pts_time:0\nlavfi.scd.mafd=3\nlavfi.scd.score=1.5\n' +
        'frame:1    pts:512     pts_time:0.04\nlavfi.scd.score=-inf\nframe:2 pts:1 pts_time:0.08\nlavfi.scd.score=nan',
    );

    expect(collector.values).toEqual([
      { timeS: 0, value: 1.5 },
      { timeS: 0.04, value: -Infinity },
    ]);
  });
});
