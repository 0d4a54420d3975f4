import { perSecond, speechSegments, type SpeechRules } from './segments';

const RULES: SpeechRules = { enter: 0.5, leave: 0.35, minSilenceS: 0.3, minSpeechS: 0.15 };
/** Frames of 0.1 s; each digit is a probability in tenths. */
const find = (digits: string, rules = RULES) =>
  speechSegments(
    [...digits].map((digit) => Number(digit) / 10),
    0.1,
    digits.length / 10,
    rules,
  ).map(({ start_s, end_s }) => [Math.round(start_s * 10), Math.round(end_s * 10)]);

describe('speechSegments', () => {
  it('begins and ends where the probability says', () => {
    expect(find('000999990000')).toEqual([[3, 8]]);
  });

  it('bridges short pauses and ends at the beginning of long ones', () => {
    expect(find('0099900999000099')).toEqual([
      [2, 10],
      [14, 16],
    ]);
  });

  it('does not begin at a doubtful frame, nor end at one', () => {
    expect(find('0444499444440000')).toEqual([[5, 12]]);
  });

  it('drops what is too short to be a word', () => {
    expect(find('0000900000')).toEqual([]);
  });

  it('closes what lasts to the end at the end', () => {
    expect(find('00009999')).toEqual([[4, 8]]);
    expect(find('0000999900')).toEqual([[4, 8]]);
    expect(speechSegments([0.9, 0.9, 0.9], 0.1, 0.25, RULES)).toEqual([{ start_s: 0, end_s: 0.25 }]);
  });

  it('survives sound without frames', () => {
    expect(speechSegments([], 0.1, 0, RULES)).toEqual([]);
  });
});

describe('perSecond', () => {
  it('gives the mean of each second, the last one from what there is', () => {
    expect(perSecond([1, 1, 0, 0, 0.5], 0.25)).toEqual([0.5, 0.5]);
    expect(perSecond([], 0.25)).toEqual([]);
  });
});
