import { isAbsolute } from 'node:path';

/** The only containers that are opened. Playlists (HLS, concat, DASH) can name other files, so they are not here. */
export const FORMAT_WHITELIST = 'mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,mpegts,mpeg,flv,ogg';
/** 8192 x 4320. Stops picture bombs before a single plane is allocated; memory limits alone did not. */
export const MAX_PIXELS = 35_389_440;
/** Bytes of one allocation inside ffmpeg. */
const MAX_ALLOC = 268_435_456;

/** One input file of an ffmpeg call. */
export interface FfmpegInput {
  /** Absolute, made by the server; never a name that a user chose. */
  path: string;
  /** Read at most this many seconds: stops a tiny file that claims, or has, hours of video. */
  maxDurationS: number;
  /** Seek here before reading, in seconds. */
  seekS?: number;
  /** Further input options, for example `-skip_frame nokey`. */
  options?: readonly string[];
  /** The file is a WAV that an earlier step wrote; uploads in that format are refused. */
  ownWav?: boolean;
}

/** What an ffmpeg call reads and writes; the guards are added by {@link ffmpegArgs}. */
export interface FfmpegCommand {
  inputs: readonly FfmpegInput[];
  /** Everything that follows the inputs: maps, filters, codecs, and the output's name. */
  output: readonly string[];
  /** `info` for filters that report through the log. */
  logLevel?: 'error' | 'info';
  /** Stop at the first decoding error instead of concealing it. */
  exitOnError?: boolean;
  /** Decoder threads; 2 keeps one step from taking a whole host. */
  threads?: number;
}

function guardedInput(input: FfmpegInput, threads: number): string[] {
  if (!isAbsolute(input.path)) throw new TypeError('An input path must be absolute.');
  return [
    '-protocol_whitelist',
    'file',
    '-format_whitelist',
    input.ownWav ? 'wav' : FORMAT_WHITELIST,
    '-max_pixels',
    String(MAX_PIXELS),
    '-threads',
    String(threads),
    ...(input.seekS === undefined ? [] : ['-ss', formatSeconds(input.seekS)]),
    '-t',
    formatSeconds(input.maxDurationS),
    ...(input.options ?? []),
    '-i',
    `file:${input.path}`,
  ];
}

/** Seconds as ffmpeg reads them: microseconds, never in exponent form. */
export function formatSeconds(seconds: number): string {
  return seconds.toFixed(6);
}

/**
 * The full argument vector of an ffmpeg call: every guard stands before the input that it protects.
 *
 * @param major the major version; decides options that old builds do not know
 */
export function ffmpegArgs(command: FfmpegCommand, major: number): string[] {
  const threads = command.threads ?? 2;
  return [
    '-hide_banner',
    '-nostdin',
    '-nostats',
    '-v',
    command.logLevel ?? 'error',
    '-progress',
    'pipe:1',
    ...(major >= 5 ? ['-stats_period', '0.5'] : []),
    '-y',
    ...(command.exitOnError ? ['-xerror'] : []),
    '-max_alloc',
    String(MAX_ALLOC),
    '-filter_threads',
    String(threads),
    ...command.inputs.flatMap((input) => guardedInput(input, threads)),
    ...command.output,
  ];
}

/** The argument vector of an ffprobe call on one file, answering JSON. */
export function ffprobeArgs(path: string, extra: readonly string[] = []): string[] {
  if (!isAbsolute(path)) throw new TypeError('An input path must be absolute.');
  return [
    '-hide_banner',
    '-v',
    'error',
    '-max_alloc',
    String(MAX_ALLOC),
    '-protocol_whitelist',
    'file',
    '-format_whitelist',
    FORMAT_WHITELIST,
    '-max_pixels',
    String(MAX_PIXELS),
    '-probesize',
    '50M',
    '-analyzeduration',
    '20M',
    '-threads',
    '1',
    ...extra,
    '-show_format',
    '-show_streams',
    '-of',
    'json',
    '-i',
    `file:${path}`,
  ];
}
