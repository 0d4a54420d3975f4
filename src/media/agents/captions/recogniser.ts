import type { AgentRun } from '../agent';
import { AgentError } from '../agent-error';
import { describe } from '../../tools/media-tools';
import { parseSubtitles, type Cue } from './subtitles';
import { cuesOfWords, parsePocketsphinx, parseTranscript, type Word } from './words';
import { beginning } from '../../../platform/text/cut';

/** What was heard in one clip, in times of the clip. */
export interface Heard {
  cues: Cue[];
  words: Word[];
  language: string | null;
  /** Words that were too uncertain to show. */
  dropped: number;
}

/** Turns a clip's sound into text. */
export interface Recogniser {
  readonly origin: 'command' | 'pocketsphinx';
  /** For an agent's output. */
  readonly engine: string;
  /** @param path a WAV file, mono, 16 kHz, 16 bit */
  hear(path: string, durationS: number): Promise<Heard>;
}

/** Seconds of real time that recognition may take per second of sound, besides a minute to load a model. */
const WALL_FACTOR = 30;
/** A large model needs room. */
const COMMAND_MEMORY = 16 * 1024 ** 3;
/** What a command may print, in characters. */
const MAX_OUTPUT = 4_194_304;

/**
 * The recogniser of this worker: the operator's command, else pocketsphinx.
 *
 * @param minConfidence less certain words are dropped
 */
export function recogniserOf(run: AgentRun, minConfidence: number): Recogniser | undefined {
  const { tools } = run;
  const { command, pocketsphinx } = tools.speechToText;
  if (command)
    return {
      origin: 'command',
      engine: 'ASR_COMMAND',
      hear: async (path, durationS) => {
        const argv = command.map((word) => word.replaceAll('{audio}', path));
        const lines = await listen(run, argv, durationS, COMMAND_MEMORY);
        return commandHeard(lines.join('\n'), minConfidence);
      },
    };
  if (pocketsphinx)
    return {
      origin: 'pocketsphinx',
      engine: 'pocketsphinx',
      hear: async (path, durationS) => {
        const argv = [pocketsphinx, '-infile', path, '-time', 'yes', '-logfn', '/dev/null'];
        const words = (await listen(run, argv, durationS)).map(parsePocketsphinx);
        return heard(
          words.filter((word) => word !== undefined),
          minConfidence,
          'en',
        );
      },
    };
  return undefined;
}

async function listen(
  run: AgentRun,
  command: readonly string[],
  durationS: number,
  memoryBytes?: number,
): Promise<string[]> {
  const lines: string[] = [];
  let size = 0;
  const exit = await run.tools.other({
    command,
    cwd: run.workDir,
    signal: run.signal,
    wallMs: 60_000 + WALL_FACTOR * durationS * 1000,
    ...(memoryBytes === undefined ? {} : { memoryBytes }),
    onStdoutLine: (line) => {
      size += line.length + 1;
      if (size <= MAX_OUTPUT) lines.push(line);
    },
  });
  if (exit.code !== 0 || size > MAX_OUTPUT)
    throw new AgentError('TOOL_FAILED', 'The speech recognition stopped with an error.', {
      retryable: true,
      detail: size > MAX_OUTPUT ? 'It printed more than 4 MB.' : describe(exit),
    });
  return lines;
}

/** The words that are certain enough, and their subtitles. */
function heard(words: readonly Word[], minConfidence: number, language: string | null): Heard {
  const kept = words.filter(({ confidence }) => confidence === null || confidence >= minConfidence);
  return { cues: cuesOfWords(kept), words: kept, language, dropped: words.length - kept.length };
}

/** A command answers with words as JSON, or with subtitles. */
function commandHeard(text: string, minConfidence: number): Heard {
  const transcript = parseTranscript(text);
  if (transcript) return heard(transcript.words, minConfidence, transcript.language);
  const cues = parseSubtitles(text);
  if (cues.length === 0 && text.trim() !== '' && !/^\uFEFF?WEBVTT/.test(text))
    throw new AgentError('TOOL_FAILED', 'The speech recognition answered with neither words nor subtitles.', {
      retryable: false,
      detail: beginning(text, 2_000),
    });
  return { cues, words: [], language: null, dropped: 0 };
}
