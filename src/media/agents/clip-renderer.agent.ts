import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun } from './agent';
import { AgentError } from './agent-error';
import { finishAndPublish, partName } from './support/files';
import { workingRate } from './support/geometry';
import {
  SCHEMA_VERSION,
  micro,
  part,
  requireInput,
  type ClipRendererOutput,
  type InspectorOutput,
  type RenderedClip,
  type RenderedVariant,
  type SelectedClip,
} from './support/outputs';
import {
  FORMATS,
  checkVariant,
  measureLoudnorm,
  renderGraph,
  renderInput,
  renderOutputs,
  variantSize,
  type RenderPlan,
} from './support/render';
import { choiceSetting, choicesSetting, numberSetting, wholeSetting, withDefaults } from './support/settings';

const DEFAULTS = {
  formats: ['original', 'vertical'],
  /** Shorter side of the original format, at most, in pixels. */
  max_short_side: 1080,
  max_fps: 30,
  crf: 21,
  /** Where the 9:16 cut-out lies: 0 left, 0.5 middle, 1 right. */
  crop_x: 0.5,
  /** `two_pass` brings every clip to -16 LUFS. */
  loudness: 'off',
};
const HDR_WALL_FACTOR = 60;

function planClip(
  source: InspectorOutput,
  clip: SelectedClip,
  settings: Record<string, unknown>,
  toneMap: boolean,
): RenderPlan {
  const rate = workingRate(source.video, numberSetting(settings, 'max_fps', 1, 60));
  const maxShortSide = wholeSetting(settings, 'max_short_side', 90, 2160);
  return {
    position: clip.position,
    startS: clip.start_s,
    frames: Math.max(1, Math.round((clip.end_s - clip.start_s) * rate.fps)),
    rate,
    variants: choicesSetting(settings, 'formats', FORMATS).map((format) => ({
      format,
      name: `clip-${clip.position}-${format}.mp4`,
      size: variantSize(format, source.video, maxShortSide),
    })),
    cropX: numberSetting(settings, 'crop_x', 0, 1),
    crf: wholeSetting(settings, 'crf', 10, 40),
    toneMap,
    loudnorm: null,
  };
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
async function renderClip(
  run: AgentRun,
  source: InspectorOutput,
  clip: SelectedClip,
  plan: RenderPlan,
  onProgress: (fraction: number) => void,
): Promise<RenderedClip> {
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
  return { ...clip, audio: source.audio ? 'source' : 'silent', variants };
}

/** Cuts the chosen moments out of the source, exactly to the frame, as MP4 files that every player plays. */
export const clipRenderer: Agent = {
  id: 'clip-renderer',
  version: '1.0.0',
  title: 'Clip renderer',
  needs: ['moment-selector'],
  defaults: DEFAULTS,
  timeoutS: 7200,
  maxAttempts: 3,
  weight: 40,
  essential: true,

  async run(run: AgentRun): Promise<AgentResult> {
    const source = requireInput(run, 'inspector');
    const { clips } = requireInput(run, 'moment-selector');
    const settings = withDefaults(DEFAULTS, run.settings);
    const loudness = choiceSetting(settings, 'loudness', ['off', 'two_pass']);
    const toneMap = source.video.hdr !== null && run.tools.has('zscale') && run.tools.has('tonemap');
    const total = clips.reduce((sum, clip) => sum + clip.end_s - clip.start_s, 0);

    const rendered: RenderedClip[] = [];
    let done = 0;
    for (const clip of clips) {
      const plan = planClip(source, clip, settings, toneMap);
      const length = clip.end_s - clip.start_s;
      if (loudness === 'two_pass')
        plan.loudnorm = await measureLoudnorm(run, source, renderInput(run.source.path, plan, false), length);
      const progress = part(run, done / total, (done + length) / total);
      rendered.push(await renderClip(run, source, clip, plan, progress));
      done += length;
    }
    const output: ClipRendererOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params: settings,
      clips: rendered,
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
