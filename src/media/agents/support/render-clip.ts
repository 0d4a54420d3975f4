import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AgentRun } from '../agent';
import { AgentError } from '../agent-error';
import { finishAndPublish, partName } from './files';
import { workingRate } from './geometry';
import {
  findInput,
  micro,
  type InspectorOutput,
  type RenderedClip,
  type RenderedVariant,
  type SelectedClip,
} from './outputs';
import {
  checkVariant,
  FILLS,
  FORMATS,
  measureLoudnorm,
  planVariant,
  renderGraph,
  renderInput,
  renderOutputs,
  type RenderPlan,
} from './render';
import { choiceSetting, choicesSetting, flagSetting, numberSetting, wholeSetting } from './settings';

const HDR_WALL_FACTOR = 60;

/** What formats were called before: settings, and graphs of jobs, that were saved then have these names. */
const FORMERLY: ReadonlyMap<unknown, string> = new Map([['vertical', '9x16']]);

/** The settings of rendering, with what is used unless told. */
export const RENDER_DEFAULTS = {
  /** `16x9` and `9x16` are filled; `original` has the shape of the source. */
  formats: ['16x9', '9x16'],
  /** How a picture of another shape fills 16:9: `blur_pad` shows all of it before a blurred background. */
  fill_16x9: 'blur_pad',
  /** The same for 9:16; `crop` cuts off what lies beside. */
  fill_9x16: 'crop',
  /** Where the cut-out lies: 0 left, 0.5 middle, 1 right. */
  crop_x: 0.5,
  /** Cut off black bars that the source was given. */
  remove_bars: true,
  /** Shorter side at most, in pixels. */
  max_short_side: 1080,
  max_fps: 30,
  crf: 21,
  /** `two_pass` brings every clip to -16 LUFS. */
  loudness: 'two_pass',
  /** Draw subtitles into the picture: `off`, `final` (not drafts of speech recognition), `all`. */
  burn_captions: 'off',
};

/** The formats that settings ask for. @throws AgentError INVALID_SETTING */
export function formatsIn({ formats }: Record<string, unknown>): (typeof FORMATS)[number][] {
  const named = Array.isArray(formats) ? formats.map((one: unknown) => FORMERLY.get(one) ?? one) : formats;
  return choicesSetting({ formats: named }, 'formats', FORMATS);
}

/** What settings say of rendering, whatever the source is. @throws AgentError INVALID_SETTING */
export function renderRules(settings: Record<string, unknown>) {
  return {
    maxFps: numberSetting(settings, 'max_fps', 1, 60),
    maxShortSide: wholeSetting(settings, 'max_short_side', 90, 2160),
    fills: {
      '16x9': choiceSetting(settings, 'fill_16x9', FILLS),
      '9x16': choiceSetting(settings, 'fill_9x16', FILLS),
      original: 'crop',
    } as const,
    removeBars: flagSetting(settings, 'remove_bars'),
    formats: formatsIn(settings),
    cropX: numberSetting(settings, 'crop_x', 0, 1),
    crf: wholeSetting(settings, 'crf', 10, 40),
    twoPass: choiceSetting(settings, 'loudness', ['off', 'two_pass']) === 'two_pass',
    burnCaptions: choiceSetting(settings, 'burn_captions', ['off', 'final', 'all']),
  };
}

/** How a clip is rendered with these settings. @throws AgentError INVALID_SETTING */
export function planClip(
  run: AgentRun,
  source: InspectorOutput,
  clip: SelectedClip,
  settings: Record<string, unknown>,
): RenderPlan {
  const rules = renderRules(settings);
  const rate = workingRate(source.video, rules.maxFps);
  const bars = rules.removeBars ? findInput(run, 'visual-scorer')?.content : null;
  return {
    position: clip.position,
    startS: clip.start_s,
    frames: Math.max(1, Math.round((clip.end_s - clip.start_s) * rate.fps)),
    rate,
    content: bars ?? null,
    variants: rules.formats.map((format) =>
      planVariant(
        `clip-${clip.position}-${format}.mp4`,
        format,
        rules.fills[format],
        source.video,
        bars,
        rules.maxShortSide,
      ),
    ),
    cropX: rules.cropX,
    crf: rules.crf,
    toneMap: source.video.hdr !== null && run.tools.has('zscale') && run.tools.has('tonemap'),
    twoPass: rules.twoPass,
    loudnorm: null,
    captions: captionsOf(run, clip.position, rules.burnCaptions),
  };
}

/** The subtitles to draw into a clip; null when there are none, or none are wanted. */
function captionsOf(run: AgentRun, position: number, burn: 'off' | 'final' | 'all'): string | null {
  const captioner = findInput(run, 'captioner');
  if (burn === 'off' || !captioner || (captioner.draft && burn !== 'all')) return null;
  const clip = captioner.clips.find((other) => other.position === position);
  if (!clip || clip.cues === 0) return null;
  if (run.tools.has('subtitles')) return clip.srt.artifact_id;
  run.log.warn('This ffmpeg cannot draw subtitles; the clips get none in the picture.');
  return null;
}

/** Renders and checks all shapes of one clip. @returns what was measured, in the order of the plan's variants */
async function render(
  run: AgentRun,
  source: InspectorOutput,
  plan: RenderPlan,
  slow: boolean,
  onProgress: (fraction: number) => void,
): Promise<{ frames: number; durationS: number }[]> {
  const lengthS = plan.frames / plan.rate.fps;
  const skipS = slow ? plan.startS : 0;
  const graph = renderGraph(source, plan);
  await run.tools.ffmpeg({
    inputs: [renderInput(run.source.path, plan, slow)],
    output: [
      '-filter_complex',
      slow ? fromLater(graph, plan.startS) : graph,
      ...renderOutputs(plan, run.attempt),
    ],
    cwd: run.workDir,
    signal: run.signal,
    durationS: lengthS,
    // A file with a poor index is read from its beginning, or from far before the clip.
    wallFactor: (plan.toneMap ? HDR_WALL_FACTOR : 20) * (1 + skipS / lengthS),
    ...(plan.toneMap || slow ? { stallMs: 180_000 } : {}),
    onProgress,
  });
  const measured: { frames: number; durationS: number }[] = [];
  for (const variant of plan.variants)
    measured.push(
      await checkVariant(run, join(run.workDir, partName(variant.name, run.attempt)), plan, variant),
    );
  return measured;
}

/** The same graph for an input that was not sought: drops what comes before the clip. */
function fromLater(graph: string, startS: number): string {
  return graph
    .replace(/^(\[0:\d+\])/, `$1trim=start=${startS},setpts=PTS-${startS}/TB,`)
    .replace(/;(\[0:\d+\])/, `;$1atrim=start=${startS},asetpts=PTS-${startS}/TB,`);
}

/** Renders one clip: by seeking, and if that misses the frame, by reading from the beginning. */
export async function renderClip(
  run: AgentRun,
  source: InspectorOutput,
  clip: SelectedClip,
  wanted: RenderPlan,
  onProgress: (fraction: number) => void,
): Promise<RenderedClip> {
  const lengthS = clip.end_s - clip.start_s;
  const plan = { ...wanted };
  if (plan.twoPass)
    plan.loudnorm = await measureLoudnorm(run, source, renderInput(run.source.path, plan, false), lengthS);
  // libass takes its file's name from the filter graph: a plain one in the work dir needs no quoting.
  if (plan.captions !== null)
    await copyFile(await run.open(plan.captions), join(run.workDir, `captions-${plan.position}.srt`));
  let measured: { frames: number; durationS: number }[];
  try {
    measured = await render(run, source, plan, false, onProgress);
  } catch (error) {
    if (!(error instanceof AgentError) || error.code !== 'OUTPUT_INVALID' || plan.startS === 0) throw error;
    run.log.warn(`${error.message} Rendering it again without seeking.`);
    measured = await render(run, source, plan, true, onProgress);
  }
  const variants: RenderedVariant[] = [];
  for (const [index, { format, name, size }] of plan.variants.entries()) {
    const { frames = 0, durationS = 0 } = measured[index] ?? {};
    const file = await finishAndPublish(run, name, 'clip', 'video/mp4');
    variants.push({ format, ...size, duration_s: micro(durationS), fps: micro(plan.rate.fps), frames, file });
  }
  const { position, start_s, end_s, score, reasons } = clip;
  return { position, start_s, end_s, score, reasons, audio: source.audio ? 'source' : 'silent', variants };
}
