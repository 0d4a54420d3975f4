import type { AgentRun } from '../agent';
import { AgentError } from '../agent-error';
import { formatSeconds, type FfmpegInput } from '../../tools/guards';
import { describe } from '../../tools/media-tools';
import { isFaststart, partName } from './files';
import { fillFilter, fitShortSide, TONE_MAP, verticalSize, type FrameRate, type Size } from './geometry';
import type { InspectorOutput } from './outputs';

/** The shapes that a clip comes in: as the source, and 9:16 for phones. */
export const FORMATS = ['original', 'vertical'] as const;
export type ClipFormat = (typeof FORMATS)[number];

/** One shape of one clip, as it will be written. */
export interface VariantPlan {
  format: ClipFormat;
  name: string;
  size: Size;
}

/** One clip, as it will be rendered. */
export interface RenderPlan {
  position: number;
  startS: number;
  /** The exact number of frames of the clip. */
  frames: number;
  rate: FrameRate;
  variants: readonly VariantPlan[];
  /** Where the 9:16 cut-out lies, 0 left, 1 right. */
  cropX: number;
  crf: number;
  toneMap: boolean;
  /** Measured values for the second pass of loudness normalisation; null leaves the sound as it is. */
  loudnorm: string | null;
}

/** Output size of each format for a source. */
export function variantSize(format: ClipFormat, source: Size, maxShortSide: number): Size {
  return format === 'original' ? fitShortSide(source, maxShortSide) : verticalSize(source);
}

/** The filters of all variants of a clip: one decode, one tone mapping, then a branch for each. */
export function renderGraph(source: InspectorOutput, plan: RenderPlan): string {
  const { video, audio } = source;
  const lengthS = formatSeconds(plan.frames / plan.rate.fps);
  const each = (letter: string) => plan.variants.map((_, index) => `[${letter}${index}]`).join('');
  const largest = fitShortSide(video, 1080);
  const tone = plan.toneMap ? `scale=${largest.width}:${largest.height},${TONE_MAP},` : '';
  const base: Size = plan.toneMap ? largest : video;
  const branches = plan.variants.map(({ format, size }, index) => {
    const shape =
      format === 'original'
        ? `scale=${size.width}:${size.height},setsar=1`
        : fillFilter(base, size, plan.cropX);
    return `[s${index}]${shape},format=yuv420p[v${index}]`;
  });
  const sound = audio
    ? // Fills gaps, and what is missing at either end, with silence, so that sound and picture are equally long.
      `[0:${audio.index}]${plan.loudnorm ? `${plan.loudnorm},` : ''}aresample=48000:async=1:first_pts=0,apad,`
    : 'anullsrc=r=48000:cl=stereo,';
  return [
    `[0:${video.index}]fps=${plan.rate.text}:start_time=0,${tone}split=${plan.variants.length}${each('s')}`,
    ...branches,
    `${sound}atrim=end=${lengthS},asplit=${plan.variants.length}${each('a')}`,
  ].join(';');
}

/**
 * The encoder's arguments for each output file. A repeated attempt gives the same frames; mostly, but not always,
 * the same bytes: x264 with two threads was seen to differ in one byte in 20 runs on a busy host.
 */
export function renderOutputs(plan: RenderPlan, attempt: number): string[] {
  return plan.variants.flatMap(({ name }, index) => [
    ...['-map', `[v${index}]`, '-map', `[a${index}]`, '-frames:v', String(plan.frames)],
    ...[
      '-c:v',
      'libx264',
      '-preset',
      'veryfast',
      '-crf',
      String(plan.crf),
      '-pix_fmt',
      'yuv420p',
      '-threads',
      '2',
    ],
    // Closed groups of 60 frames: HLS can only be cut at keyframes.
    ...['-g', '60', '-keyint_min', '60', '-sc_threshold', '0'],
    ...(plan.toneMap ? ['-color_primaries', 'bt709', '-color_trc', 'bt709', '-colorspace', 'bt709'] : []),
    ...['-c:a', 'aac', '-b:a', '128k', '-ac', '2', '-movflags', '+faststart'],
    // Metadata of phones holds places and names: none of it goes into a clip.
    ...['-map_metadata', '-1', '-map_chapters', '-1'],
    ...['-fflags', '+bitexact', '-flags:v', '+bitexact', '-flags:a', '+bitexact', partName(name, attempt)],
  ]);
}

/** Where to start reading. `slow` decodes from the beginning, for files whose index leads astray. */
export function renderInput(path: string, plan: RenderPlan, slow: boolean): FfmpegInput {
  const lengthS = plan.frames / plan.rate.fps;
  if (slow || plan.startS === 0) return { path, maxDurationS: plan.startS + lengthS + 2 };
  return { path, seekS: plan.startS, maxDurationS: lengthS + 2 };
}

/**
 * Checks a rendered file: the length to a frame, the size, the codecs, and that it plays while being downloaded.
 *
 * @throws AgentError OUTPUT_INVALID, saying what is wrong
 */
export async function checkVariant(
  run: AgentRun,
  path: string,
  plan: RenderPlan,
  variant: VariantPlan,
): Promise<{ frames: number; durationS: number }> {
  const { probe, stderr } = await run.tools.probe(path, { cwd: run.workDir, signal: run.signal });
  const video = probe?.streams.find(({ type }) => type === 'video');
  const audio = probe?.streams.find(({ type }) => type === 'audio');
  const frames = video?.frames ?? 0;
  const durationS = probe?.durationS ?? 0;
  const { fps } = plan.rate;
  const wrong: string[] = [];
  if (Math.abs(frames - plan.frames) > 1) wrong.push(`${frames} frames instead of ${plan.frames}`);
  // Sound comes in packets of 1024 samples, so the file may be that much longer than its last frame.
  if (Math.abs(durationS - plan.frames / fps) > Math.max(1 / fps, 1024 / 48_000) + 1e-3)
    wrong.push(`${durationS} s instead of ${(plan.frames / fps).toFixed(3)} s`);
  if (video?.codec !== 'h264' || video.pixelFormat !== 'yuv420p') wrong.push('not H.264 in yuv420p');
  if (video?.width !== variant.size.width || video.height !== variant.size.height)
    wrong.push('the wrong size');
  if (audio?.codec !== 'aac') wrong.push('no AAC sound');
  if (wrong.length === 0 && !(await isFaststart(path))) wrong.push('its index at the end');
  if (wrong.length > 0)
    throw new AgentError(
      'OUTPUT_INVALID',
      `Clip ${plan.position} (${variant.format}) came out with ${wrong.join(', ')}.`,
      {
        retryable: true,
        detail: stderr,
      },
    );
  return { frames, durationS: frames / fps };
}

const TARGET = 'I=-16:TP=-1.5:LRA=11';

/**
 * Measures a clip's loudness for normalising it (EBU R128, two passes).
 *
 * @returns the filter of the second pass, or null when there is nothing to measure
 */
export async function measureLoudnorm(
  run: AgentRun,
  source: InspectorOutput,
  input: FfmpegInput,
  durationS: number,
): Promise<string | null> {
  if (!source.audio) return null;
  const exit = await run.tools.ffmpeg({
    inputs: [input],
    output: [
      '-map',
      `0:${source.audio.index}`,
      '-af',
      `loudnorm=${TARGET}:print_format=json`,
      '-f',
      'null',
      '-',
    ],
    logLevel: 'info',
    cwd: run.workDir,
    signal: run.signal,
    durationS,
  });
  const value = (key: string) => Number(new RegExp(`"${key}"\\s*:\\s*"(-?[\\d.]+)"`).exec(exit.stderr)?.[1]);
  const measured = ['input_i', 'input_tp', 'input_lra', 'input_thresh', 'target_offset'].map(value);
  if (measured.some((number) => !Number.isFinite(number))) {
    run.log.debug?.(`No loudness could be measured: ${describe(exit)}`);
    return null; // digital silence measures as -inf
  }
  const [i, tp, lra, thresh, offset] = measured;
  return `loudnorm=${TARGET}:measured_I=${i}:measured_TP=${tp}:measured_LRA=${lra}:measured_thresh=${thresh}:offset=${offset}:linear=true`;
}
