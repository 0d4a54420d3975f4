import fc from 'fast-check';
import { cuesWithin, decodeSubtitles, parseSubtitles, plainText, toSrt, toVtt, type Cue } from './subtitles';

const SRT =
  '1\r\n00:00:01,000 --> 00:00:02,500\r\n<i>Hello</i> there\r\nyou\r\n\r\n2\r\n01:00:00,5 --> 01:00:01,75\r\nLate\r\n';
const VTT = `WEBVTT - a title

STYLE
::cue { color: red }

NOTE nobody --> reads this

intro
00:03.250 --> 00:04.000 align:start position:10%
<v Anna>Fish &amp; chips</v> &lt;3

00:02.000 --> 00:03.000
<00:02.500>First`;

describe('parseSubtitles', () => {
  it('reads SubRip', () => {
    expect(parseSubtitles(SRT)).toEqual([
      { start_s: 1, end_s: 2.5, text: 'Hello there\nyou' },
      { start_s: 3600.5, end_s: 3601.75, text: 'Late' },
    ]);
  });

  it('reads WebVTT with styles, notes, names, settings and speakers, in the order of time', () => {
    expect(parseSubtitles(VTT)).toEqual([
      { start_s: 2, end_s: 3, text: 'First' },
      { start_s: 3.25, end_s: 4, text: 'Fish & chips <3' },
    ]);
  });

  it.each([
    ['an end before the start', '00:05.000 --> 00:04.000\nNo'],
    ['no text', '00:01.000 --> 00:04.000\n'],
    ['only markup', '00:01.000 --> 00:04.000\n<b></b>{\\an8}'],
    ['no times', '1\nHello'],
    ['anything', '\0\x01PNG...'],
  ])('passes over %s', (_case, text) => {
    expect(parseSubtitles(`WEBVTT\n\n${text}\n`)).toEqual([]);
  });
});

describe('plainText', () => {
  it('halves no character where it ends', () =>
    expect(plainText(`${'a'.repeat(499)}\u{1f600}bc`)).toBe(`${'a'.repeat(499)}\u{1f600}`));

  it.each([
    ['{\\an8\\fs200}Big {\\b1}words', 'Big words'],
    ['{\\fnArial}a\\Nb\\hc', 'a b c'],
    ['<script>alert(1)</script>', 'alert(1)'],
    ['2 < 3 > 1', '2 < 3 > 1'],
    ['a\u202Eb\u0000c\uFEFF', 'abc'],
    ['C:\\path', 'C:path'],
  ])('makes %j to %j', (text, plain) => {
    expect(plainText(text)).toBe(plain);
  });
});

describe('decodeSubtitles', () => {
  it.each([
    ['UTF-8', Buffer.from('\uFEFFé')],
    ['UTF-16, little end first', Buffer.from('\uFEFFé', 'utf16le')],
    ['UTF-16, big end first', Buffer.from('\uFEFFé', 'utf16le').swap16()],
    ['Windows-1252', Buffer.from([0xe9])],
  ])('reads %s', (_name, bytes) => {
    expect(plainText(decodeSubtitles(bytes))).toBe('é');
  });
});

describe('cuesWithin', () => {
  it('cuts to a stretch and counts from its beginning', () => {
    const cues = [
      { start_s: 1, end_s: 11, text: 'a' },
      { start_s: 12, end_s: 13, text: 'b' },
      { start_s: 14.95, end_s: 18, text: 'too short to read' },
      { start_s: 20, end_s: 21, text: 'outside' },
    ];
    expect(cuesWithin(cues, 10, 15)).toEqual([
      { start_s: 0, end_s: 1, text: 'a' },
      { start_s: 2, end_s: 3, text: 'b' },
    ]);
  });
});

describe('writing', () => {
  const cue: fc.Arbitrary<Cue> = fc
    .record({
      start: fc.integer({ min: 0, max: 20_000_000 }),
      length: fc.integer({ min: 1, max: 9_999 }),
      text: fc.string({ unit: 'grapheme', maxLength: 60 }).map(plainText),
    })
    .filter(({ text }) => text !== '' && !text.includes('-->') && plainText(text) === text)
    .map(({ start, length, text }) => ({ start_s: start / 1000, end_s: (start + length) / 1000, text }));

  it('gives what reading gives again', () => {
    fc.assert(
      fc.property(fc.array(cue, { maxLength: 5 }), (cues) => {
        const sorted = parseSubtitles(toSrt(cues));
        expect(sorted).toHaveLength(cues.length);
        expect(parseSubtitles(toVtt(sorted)).map(({ text }) => text)).toEqual(sorted.map(({ text }) => text));
      }),
    );
  });

  it('writes both formats as players want them', () => {
    const cues = [{ start_s: 3661.5, end_s: 3662, text: 'a <b> & --> c' }];
    expect(toSrt(cues)).toBe('1\n01:01:01,500 --> 01:01:02,000\na <b> & -> c\n');
    expect(toVtt(cues)).toBe('WEBVTT\n\n01:01:01.500 --> 01:01:02.000\na &lt;b&gt; &amp; --&gt; c\n');
    expect(toVtt([])).toBe('WEBVTT\n');
  });
});
