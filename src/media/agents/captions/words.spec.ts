import { cuesOfWords, parsePocketsphinx, parseTranscript, type Word } from './words';

const word = (text: string, start_s: number, end_s = start_s + 0.3): Word => ({
  text,
  start_s,
  end_s,
  confidence: 1,
});

describe('cuesOfWords', () => {
  it('begins a new subtitle after a pause', () => {
    expect(cuesOfWords([word('one', 0), word('two', 0.4), word('three', 2)])).toEqual([
      { start_s: 0, end_s: 0.7, text: 'one two' },
      { start_s: 2, end_s: 2.3, text: 'three' },
    ]);
  });

  it('keeps subtitles short in time and in letters', () => {
    const words = Array.from({ length: 100 }, (_, index) => word(`word${index}`, index * 0.35));
    const cues = cuesOfWords(words);

    expect(cues.map(({ text }) => text.replaceAll('\n', ' ')).join(' ')).toBe(
      words.map(({ text }) => text).join(' '),
    );
    for (const { start_s, end_s, text } of cues) {
      expect(end_s - start_s).toBeLessThanOrEqual(6);
      expect(text.split('\n').length).toBeLessThanOrEqual(2);
      for (const line of text.split('\n')) expect(line.length).toBeLessThanOrEqual(42);
    }
  });

  it('survives silence', () => {
    expect(cuesOfWords([])).toEqual([]);
  });
});

describe('parsePocketsphinx', () => {
  it('reads words with their times', () => {
    expect(parsePocketsphinx('an(2) 1.130 1.300 0.547020')).toEqual({
      text: 'an',
      start_s: 1.13,
      end_s: 1.3,
      confidence: 0.54702,
    });
    expect(parsePocketsphinx('man 2.350 2.800 1.000200')?.confidence).toBe(1);
  });

  it.each([
    '<s> 0.140 0.220 1.000200',
    '[SPEECH] 0.990 1.120 0.527464',
    '++NOISE++ 0.1 0.2 0.9',
    'he was not',
  ])('passes over %s', (line) => expect(parsePocketsphinx(line)).toBeUndefined());
});

describe('parseTranscript', () => {
  it('reads words, and passes over what is none', () => {
    const text = JSON.stringify({
      language: 'nl',
      words: [
        { text: ' <b>hallo</b> ', start_s: 0, end_s: 1, confidence: 3 },
        { text: 'x', start_s: 2, end_s: 1 },
        { text: 'y', start_s: '1', end_s: 2 },
        { text: '', start_s: 1, end_s: 2 },
        null,
        { text: 'daar', start_s: 1, end_s: 2 },
      ],
    });
    expect(parseTranscript(text)).toEqual({
      language: 'nl',
      words: [
        { text: 'hallo', start_s: 0, end_s: 1, confidence: 1 },
        { text: 'daar', start_s: 1, end_s: 2, confidence: null },
      ],
    });
  });

  it('cuts the name of a language between two characters', () => {
    const language = `${'a'.repeat(34)}\u{1f600}bc`;
    expect(parseTranscript(JSON.stringify({ language, words: [] }))?.language).toBe(
      `${'a'.repeat(34)}\u{1f600}`,
    );
  });

  it.each(['', '1\n00:00:00,000 --> 00:00:01,000\nHi', 'null', '{"words": 3}', '[]'])(
    'takes %j for none',
    (text) => expect(parseTranscript(text)).toBeUndefined(),
  );
});
