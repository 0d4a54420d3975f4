import { join } from 'node:path';
import { createContext, Script } from 'node:vm';
import { regexesBelow, type SourceRegex } from '../fuzz/regexes';
import { PROJECT } from '../support/process';

const SHORT = 10_000;
const MIDDLE = 30_000;
const LONG = 100_000;
/** Ten times as much text may take so many times as long: forty is far from linear, a hundred is quadratic. */
const HIGHEST_RATIO = 40;
/** What takes less of the processor, in milliseconds, is linear on a text of that length, whatever the ratio. */
const FAST_MS = 200;
/** What takes no longer, in milliseconds, on a text of middle length takes less than {@link FAST_MS} on a long one, were it cubic. */
const SURE_MS = 5;
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

/** What is repeated, and how it ends. */
type Stuff = readonly [part: string, ending: string];
const STUFF: Stuff[] = REPEATED.flatMap((part) => ENDINGS.map((ending): Stuff => [part, ending]));

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
  const times = timesOf(
    pattern,
    STUFF.map((stuff) => textOf(stuff, MIDDLE)),
  );
  for (const [index, stuff] of STUFF.entries()) {
    if ((times[index] ?? Infinity) < SURE_MS) continue;
    const long = textOf(stuff, LONG);
    if (timeOf(pattern, long) < FAST_MS) continue;
    // Measured again, and the best of three counts: other work must not make a pattern look slow.
    const least = leastOf(pattern, long);
    const ratio = least / Math.max(leastOf(pattern, textOf(stuff, SHORT)), 1);
    if (least === Infinity || (least >= FAST_MS && ratio > HIGHEST_RATIO))
      return [`${at} ${pattern.source}: ${JSON.stringify(stuff[0])}... ${JSON.stringify(stuff[1])}`];
  }
  return [];
}

const texts = new Map<string, string>();

/** The same string whenever it is asked for: V8 lays it out in one piece when it is first searched. */
function textOf([part, ending]: Stuff, length: number): string {
  const key = JSON.stringify([part, ending, length]);
  const text = texts.get(key) ?? `${part.repeat(Math.ceil(length / part.length))}${ending}`;
  texts.set(key, text);
  return text;
}

function leastOf(pattern: RegExp, text: string): number {
  return Math.min(...Array.from({ length: 3 }, () => timeOf(pattern, text)));
}

function timeOf(pattern: RegExp, text: string): number {
  return timesOf(pattern, [text])[0] ?? Infinity;
}

/** Milliseconds of the processor that finding all matches takes, by text; of those before the deadline ended it. */
function timesOf(pattern: RegExp, searched: readonly string[]): number[] {
  const times: number[] = [];
  Object.assign(context, { pattern, searched, times });
  try {
    SEARCH.runInContext(context, { timeout: DEADLINE_MS });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_SCRIPT_EXECUTION_TIMEOUT') throw error;
  }
  return times;
}

const context = createContext({ now: () => process.cpuUsage().user / 1_000 });
const SEARCH = new Script(`for (const text of searched) {
  const before = now();
  pattern.global ? text.replace(pattern, '') : pattern.test(text);
  times.push(now() - before);
}`);
