import { beginning } from '../../../platform/text/cut';
import { type Cue, plainText } from './subtitles';

/** One word that a recogniser heard. Times in seconds; `confidence` 0..1, null when it does not say. */
export interface Word {
  text: string;
  start_s: number;
  end_s: number;
  confidence: number | null;
}

/** Longest name of a language, in characters. */
const MAX_LANGUAGE = 35;
/** Two lines of so many characters fit on every screen. */
const LINE = 42;
/** A subtitle shows for so long at most, in seconds. */
const MAX_S = 6;
/** A pause this long begins a new subtitle, in seconds. */
const GAP_S = 0.7;

/** Puts words together to subtitles that can be read: two short lines, broken at pauses. */
export function cuesOfWords(words: readonly Word[]): Cue[] {
  const cues: Cue[] = [];
  let current: Word[] = [];
  const close = () => {
    const [first, last] = [current[0], current.at(-1)];
    if (first && last)
      cues.push({ start_s: first.start_s, end_s: last.end_s, text: wrap(current.map(({ text }) => text)) });
    current = [];
  };
  for (const word of words) {
    const [first, last] = [current[0], current.at(-1)];
    if (first && last) {
      const length = current.reduce((sum, { text }) => sum + text.length + 1, word.text.length);
      if (word.start_s - last.end_s > GAP_S || word.end_s - first.start_s > MAX_S || length > 2 * LINE)
        close();
    }
    current.push(word);
  }
  close();
  return cues;
}

function wrap(words: readonly string[]): string {
  const lines: string[] = [];
  for (const word of words) {
    const line = lines.at(-1);
    if (line !== undefined && line.length + 1 + word.length <= LINE)
      lines[lines.length - 1] = `${line} ${word}`;
    else lines.push(word);
  }
  return lines.join('\n');
}

/**
 * Reads what `pocketsphinx_continuous -time yes` prints: `word start end confidence`, with a number for another
 * pronunciation, and `<s>`, `[SPEECH]` and the like for what is no word.
 */
export function parsePocketsphinx(line: string): Word | undefined {
  const match = /^([^\s<[(+]\S*) (\d+\.\d+) (\d+\.\d+) (\d+\.\d+)$/.exec(line);
  if (!match) return undefined;
  const [, spelled = '', start, end, confidence] = match;
  const text = plainText(spelled.replace(/\(\d+\)$/, ''));
  if (text === '') return undefined;
  return {
    text,
    start_s: Number(start),
    end_s: Number(end),
    confidence: Math.min(1, Number(confidence)),
  };
}

/**
 * Reads what an operator's command prints: `{"language": "en", "words": [{"text", "start_s", "end_s", "confidence"}]}`.
 *
 * @returns undefined when it is not that
 */
export function parseTranscript(json: string): { language: string | null; words: Word[] } | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch {
    return undefined; // it may be subtitles
  }
  const { words, language } = (parsed ?? {}) as { words?: unknown; language?: unknown };
  if (!Array.isArray(words)) return undefined;
  return {
    language: typeof language === 'string' ? beginning(plainText(language), MAX_LANGUAGE) : null,
    words: words.map(toWord).filter((word) => word !== undefined),
  };
}

function toWord(value: unknown): Word | undefined {
  const { text, start_s, end_s, confidence } = (value ?? {}) as Record<string, unknown>;
  if (typeof text !== 'string' || typeof start_s !== 'number' || typeof end_s !== 'number') return undefined;
  const plain = plainText(text);
  if (plain === '' || !(start_s >= 0 && end_s > start_s)) return undefined;
  const sure = typeof confidence === 'number' && Number.isFinite(confidence);
  return { text: plain, start_s, end_s, confidence: sure ? Math.min(1, Math.max(0, confidence)) : null };
}
