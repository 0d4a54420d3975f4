import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { regexesBelow, type SourceRegex } from '../fuzz/regexes';
import { PROJECT } from '../support/process';

const SHORT = 10_000;
const LONG = 100_000;
/** Ten times as much text may take so many times as long: forty is far from linear, a hundred is quadratic. */
const HIGHEST_RATIO = 40;
/** What takes less of the processor, in milliseconds, is linear on a text of that length, whatever the ratio. */
const FAST_MS = 200;
/** Longer than this, in milliseconds, nothing is waited for: it would never end. */
const DEADLINE_MS = 3_000;

/** Beginnings that bring a pattern to where it repeats itself, and endings on which it fails. */
const REPEATED = [
  'a',
  'A',
  '0',
  ' ',
  '.',
  '-',
  ':',
  '/',
  '"',
  '%',
  'a.',
  'a-',
  'a@',
  '0-',
  '0 ',
  'a:',
  '\\',
  '(',
  '\n',
  'a b',
  'ey',
  '=a',
  '\u00e9',
];
const ENDINGS = ['', '!', '\0', '@', 'a'];

const REGEXES = regexesBelow(join(PROJECT, 'src'));

describe('the regular expressions of the product', () => {
  it('are found', () => {
    expect(REGEXES.length).toBeGreaterThan(80);
  });

  it('need no more than a time that grows with the text', () => {
    const slow = REGEXES.flatMap((regex) => slowTexts(regex));
    expect(slow).toEqual([]);
  });
});

/** A text on which a pattern takes far more than ten times as long for ten times as much; one is enough. */
function slowTexts({ at, pattern }: SourceRegex): string[] {
  for (const part of REPEATED) {
    for (const ending of ENDINGS) {
      const long = textOf(part, ending, LONG);
      if (timeOf(pattern, long) < FAST_MS) continue;
      // Measured again, and the best of three counts: other work must not make a pattern look slow.
      const least = leastOf(pattern, long);
      const ratio = least / Math.max(leastOf(pattern, textOf(part, ending, SHORT)), 1);
      if (least >= FAST_MS && ratio > HIGHEST_RATIO)
        return [`${at} ${pattern.source}: ${JSON.stringify(part)}... ${JSON.stringify(ending)}`];
    }
  }
  return [];
}

function textOf(part: string, ending: string, length: number): string {
  return `${part.repeat(Math.ceil(length / part.length))}${ending}`;
}

function leastOf(pattern: RegExp, text: string): number {
  return Math.min(...Array.from({ length: 3 }, () => timeOf(pattern, text)));
}

/** Milliseconds of the processor that finding all matches takes; infinite if it did not end. */
function timeOf(pattern: RegExp, text: string): number {
  Object.assign(context, { pattern, text });
  const before = process.cpuUsage();
  try {
    SEARCH.runInContext(context, { timeout: DEADLINE_MS });
  } catch {
    return Infinity; // the deadline ended it
  }
  return process.cpuUsage(before).user / 1_000;
}

const context = createContext({});
const SEARCH = new Script("pattern.global ? text.replace(pattern, '') : pattern.test(text)");
