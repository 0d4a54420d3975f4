import type { AgentRun } from '../agent';
import { part } from './outputs';
import type { FfmpegExit } from '../../tools/media-tools';
import type { MediaProbe, ProbedStream } from '../../tools/probe';

/** How much of a video can really be decoded. */
export interface Decoded {
  /** No error at all. */
  clean: boolean;
  frames: number;
  /** How far decoding came, in seconds. */
  seconds: number;
  /** What the file claims to have, in seconds. */
  expectedS: number;
  /** Decoded share, 0..1: of the frames or of the time, whichever is less. */
  share: number;
  errorLines: number;
  exit: FfmpegExit;
}

/** Error lines per frame above which concealed frames no longer count as decoded. */
const CONCEALED = 0.5;

/** The base of progress and time limits for a file that states no duration. */
function workS(claimedS: number | undefined, maxS: number): number {
  return claimedS === undefined ? maxS : Math.min(claimedS, maxS);
}

/**
 * Decodes the video once with the first error ending it (the only way to find bit rot: ffmpeg conceals and answers 0),
 * and if that fails once more to the end, to see how much there is.
 */
export async function measureVideo(
  run: AgentRun,
  probe: MediaProbe,
  video: ProbedStream,
  maxDurationS: number,
): Promise<Decoded> {
  const claimedS = video.durationS ?? probe.durationS;
  const durationS = workS(claimedS, maxDurationS);
  // One second over the limit is read, so that a file that is longer than it claims shows.
  const base = {
    inputs: [{ path: run.source.path, maxDurationS: maxDurationS + 1 }],
    output: ['-map', `0:${video.index}`, ...run.tools.frameSync('passthrough'), '-f', 'null', '-'],
    cwd: run.workDir,
    signal: run.signal,
    durationS,
  };
  const strict = await run.tools.tryFfmpeg({ ...base, exitOnError: true, onProgress: part(run, 0.02, 0.95) });
  if (strict.code === 0 && strict.stderr.trim() === '') return verdict(strict, 0, claimedS, video, true);

  let errorLines = 0;
  const lenient = await run.tools.tryFfmpeg({
    ...base,
    onProgress: part(run, 0.02, 0.95),
    onStderrLine: () => (errorLines += 1),
  });
  return verdict(lenient, errorLines, claimedS, video, false);
}

function verdict(
  exit: FfmpegExit,
  errorLines: number,
  claimedS: number | undefined,
  video: ProbedStream,
  strict: boolean,
): Decoded {
  const frames = exit.last?.frame ?? 0;
  const seconds = exit.last?.outTimeS ?? 0;
  const expectedS = claimedS ?? seconds;
  const ofTime = expectedS > 0 ? Math.min(1, seconds / expectedS) : 0;
  const ofFrames = video.frames && video.frames > 0 ? Math.min(1, frames / video.frames) : ofTime;
  const concealed = frames > 0 && errorLines / frames > CONCEALED ? 1 - Math.min(1, errorLines / frames) : 1;
  const share = Math.min(ofTime, ofFrames, concealed);
  // Without an error, but short: the header promised more than there is.
  const clean = strict && (share > 0.98 || expectedS - seconds < 1);
  return { clean, frames, seconds, expectedS, share: clean ? 1 : share, errorLines, exit };
}

/** Whether the sound decodes at all; errors within it are concealed. */
export async function soundIsReadable(
  run: AgentRun,
  audio: ProbedStream,
  durationS: number,
): Promise<boolean> {
  const exit = await run.tools.tryFfmpeg({
    inputs: [{ path: run.source.path, maxDurationS: durationS }],
    output: ['-map', `0:${audio.index}`, '-f', 'null', '-'],
    cwd: run.workDir,
    signal: run.signal,
    durationS,
    onProgress: part(run, 0.95, 1),
  });
  return exit.code === 0 && (exit.last?.outTimeS ?? 0) > 0;
}
