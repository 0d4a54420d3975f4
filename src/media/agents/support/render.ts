import type { AgentRun } from '../agent';
import { AgentError } from '../agent-error';
import { formatSeconds, type FfmpegInput } from '../../tools/guards';
import { describe } from '../../tools/media-tools';
import { isFaststart, partName } from './files';
import {
  blurPadFilter,
  fillFilter,
  fitShortSide,
  hasShape,
  landscapeSize,
  TONE_MAP,
  verticalSize,
  type FrameRate,
  type Size,
} from './geometry';
import type { InspectorOutput } from './outputs';
import type { ContentArea } from './picture-stats';

/** The shapes that a clip comes in: for screens, for phones, and that of the source. */
export const FORMATS = ['16x9', '9x16', 'original'] as const;
export type ClipFormat = (typeof FORMATS)[number];

/** How a picture fills another shape: what lies beside is cut off, or all of it stands before a blurred background. */
export const FILLS = ['crop', 'blur_pad'] as const;
export type Fill = (typeof FILLS)[number];

/** One shape of one clip, as it will be written. */
export interface VariantPlan {
  format: ClipFormat;
  name: string;
  size: Size;
  fill: Fill;
  /** The whole picture of the source, nothing cut off or added. */
  whole: boolean;
  /** Without the black bars that the source was given. */
  withoutBars: boolean;
}

/** One clip, as it will be rendered. */
export interface RenderPlan {
  position: number;
  startS: number;
  /** The exact number of frames of the clip. */
  frames: number;
  rate: FrameRate;
  variants: readonly VariantPlan[];
  /** What lies between the source's black bars; null when there are none, or they are to stay. */
  content: ContentArea | null;
  /** Where the cut-out of `crop` lies, 0 left, 1 right. */
  cropX: number;
  crf: number;
  toneMap: boolean;
  /** Measured values for the second pass of loudness normalisation; null leaves the sound as it is. */
  loudnorm: string | null;
  /** Bring the sound to the target loudness; needs a measurement first. */
  twoPass: boolean;
  /** The artifact with the subtitles to draw into the picture; null draws none. */
  captions: string | null;
}

/** The part of a picture between its bars, in pixels. */
function contentRect(picture: Size, { x, y, width, height }: ContentArea): Size & { x: number; y: number } {
  const even = (value: number) => Math.round(value / 2) * 2;
  const size = { width: even(picture.width * width), height: even(picture.height * height) };
  return { ...size, x: Math.round(picture.width * x), y: Math.round(picture.height * y) };
}

/** How one shape of a clip will be made of a source. */
export function planVariant(
  name: string,
  format: ClipFormat,
  fill: Fill,
  source: Size,
  bars: ContentArea | null | undefined,
  maxShortSide: number,
): VariantPlan {
  const withoutBars = Boolean(bars) && format !== 'original';
  const area = bars && withoutBars ? contentRect(source, bars) : source;
  const plan = { name, format, fill, withoutBars };
  if (format === 'original') return { ...plan, whole: true, size: fitShortSide(source, maxShortSide) };
  if (format === '16x9' && hasShape(area, 16, 9))
    return { ...plan, whole: !withoutBars, size: fitShortSide(area, maxShortSide) };
  if (format === '16x9') return { ...plan, whole: false, size: landscapeSize(area, maxShortSide) };
  return { ...plan, whole: hasShape(area, 9, 16) && !withoutBars, size: verticalSize(area) };
}

/** The filters of one shape. */
function shapeFilter(plan: RenderPlan, variant: VariantPlan, picture: Size, id: string): string {
  const { size, fill, whole, withoutBars } = variant;
  if (whole) return `scale=${size.width}:${size.height},setsar=1`;
  const rect = plan.content && withoutBars ? contentRect(picture, plan.content) : undefined;
  const cut = rect ? `crop=${rect.width}:${rect.height}:${rect.x}:${rect.y},` : '';
  const area = rect ?? picture;
  return cut + (fill === 'crop' ? fillFilter(area, size, plan.cropX) : blurPadFilter(area, size, id));
}

/** The filters of all variants of a clip: one decode, one tone mapping, then a branch for each. */
export function renderGraph(source: InspectorOutput, plan: RenderPlan): string {
  const { video, audio } = source;
  const lengthS = formatSeconds(plan.frames / plan.rate.fps);
  const each = (letter: string) => plan.variants.map((_, index) => `[${letter}${index}]`).join('');
  const largest = fitShortSide(video, 1080);
  const tone = plan.toneMap ? `scale=${largest.width}:${largest.height},${TONE_MAP},` : '';
  const base: Size = plan.toneMap ? largest : video;
  const words =
    plan.captions === null ? '' : `,subtitles=captions-${plan.position}.srt:force_style='FontSize=18'`;
  const branches = plan.variants.map(
    (variant, index) =>
      `[s${index}]${shapeFilter(plan, variant, base, `p${index}`)}${words},format=yuv420p[v${index}]`,
  );
  const sound = audio
    ? // Fills gaps, and what is missing at either end, with silence, so that sound and picture are equally long.
      `[0:${audio.index}]aresample=48000:async=1:first_pts=0,apad,`
    : 'anullsrc=r=48000:cl=stereo,';
  // After the trim: padded afterwards, loudnorm's output ends early for MPEG-TS.
  const level = plan.loudnorm ? `${plan.loudnorm},aresample=48000,` : '';
  return [
    // Counted here and not by `-frames:v`, at which ffmpeg ends all streams of the file: sound that lies behind the
    // picture, as in MPEG-TS, or that loudnorm still holds, up to 3 s, would be lost.
    `[0:${video.index}]fps=${plan.rate.text}:start_time=0,trim=end_frame=${plan.frames},${tone}split=${plan.variants.length}${each('s')}`,
    ...branches,
    `${sound}atrim=end=${lengthS},${level}asplit=${plan.variants.length}${each('a')}`,
  ].join(';');
}

/**
 * The encoder's arguments for each output file. A repeated attempt gives the same frames; mostly, but not always,
 * the same bytes: x264 with two threads was seen to differ in one byte in 20 runs on a busy host.
 */
export function renderOutputs(plan: RenderPlan, attempt: number): string[] {
  return plan.variants.flatMap(({ name }, index) => [
    ...['-map', `[v${index}]`, '-map', `[a${index}]`],
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
 * Checks a rendered file: the length to a frame, that of the sound too, the size, the codecs, and that it plays while
 * being downloaded.
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
  const off = (lengthS: number) =>
    Math.abs(lengthS - plan.frames / fps) > Math.max(1 / fps, 1024 / 48_000) + 1e-3;
  const wanted = `${(plan.frames / fps).toFixed(3)} s`;
  if (off(durationS)) wrong.push(`${durationS} s instead of ${wanted}`);
  if (video?.codec !== 'h264' || video.pixelFormat !== 'yuv420p') wrong.push('not H.264 in yuv420p');
  if (video?.width !== variant.size.width || video.height !== variant.size.height)
    wrong.push('the wrong size');
  if (audio?.codec !== 'aac') wrong.push('no AAC sound');
  else if (off(audio.durationS ?? 0)) wrong.push(`${audio.durationS ?? 0} s of sound instead of ${wanted}`);
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
