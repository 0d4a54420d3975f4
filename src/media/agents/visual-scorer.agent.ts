import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun } from './agent';
import { SCHEMA_VERSION, part, requireInput, type VisualScorerOutput } from './support/outputs';
import { contentArea, meanPerSecond } from './support/picture-stats';
import { agentSettings, flagSetting, numberSetting, wholeSetting } from './support/settings';
import { readFrameFields } from '../tools/detectors';

const SETTINGS = agentSettings(
  {
    /** Frames that are looked at in a second of video. */
    sample_fps: 5,
    /** Brightness, 0..255, up to which a border counts as black. */
    bar_limit: 24,
    /** Measure how sharp the picture is, where this ffmpeg can. */
    sharpness: true,
  },
  (settings) => ({
    fps: numberSetting(settings, 'sample_fps', 1, 10),
    barLimit: wholeSetting(settings, 'bar_limit', 0, 128),
    sharpness: flagSetting(settings, 'sharpness'),
  }),
);
const MOTION = 'motion.txt';
const STILLS = 'stills.txt';
const SIGNAL = 'lavfi.signalstats.';

/** Measures the picture second by second: how much moves, how bright, colourful and sharp it is, and its black bars. */
export const visualScorer: Agent = {
  id: 'visual-scorer',
  version: '1.0.0',
  title: 'Visual scorer',
  needs: ['normaliser'],
  defaults: SETTINGS.defaults,
  timeoutS: 3600,
  maxAttempts: 3,
  weight: 6,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { proxy, duration_s } = requireInput(run, 'normaliser');
    const { params, rules } = SETTINGS.of(run);
    const sharp = rules.sharpness && run.tools.has('blurdetect');
    const stills = [
      'fps=1',
      `cropdetect=limit=${rules.barLimit}:round=2:reset=1`,
      ...(sharp ? ['blurdetect'] : []),
      `metadata=print:file=${STILLS}`,
    ];
    const graph = [
      `[0:v:0]fps=${rules.fps},split=2[fast][slow]`,
      `[fast]scale=320:-2,signalstats,metadata=print:file=${MOTION}[motion]`,
      `[slow]${stills.join(',')}[stills]`,
    ].join(';');
    await run.tools.ffmpeg({
      inputs: [{ path: await run.open(proxy.artifact_id), maxDurationS: duration_s + 1 }],
      output: [
        ...['-filter_complex', graph, '-map', '[motion]', '-f', 'null', '-'],
        ...['-map', '[stills]', '-f', 'null', '-'],
      ],
      cwd: run.workDir,
      signal: run.signal,
      durationS: duration_s,
      onProgress: part(run, 0, 0.95),
    });

    const seconds = Math.max(1, Math.ceil(duration_s - 1e-6));
    const stats = ['YDIF', 'YAVG', 'SATAVG'].map((name) => SIGNAL + name);
    const frames = await readFrameFields(join(run.workDir, MOTION), stats);
    const pictures = await readFrameFields(join(run.workDir, STILLS), [
      ...['x', 'y', 'w', 'h'].map((side) => `lavfi.cropdetect.${side}`),
      'lavfi.blur',
    ]);
    const output: VisualScorerOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      motion: meanPerSecond(frames, `${SIGNAL}YDIF`, seconds, (value) => value),
      brightness: meanPerSecond(frames, `${SIGNAL}YAVG`, seconds, (value) => value / 255),
      // The farthest that a colour can be from grey in 8 bits.
      saturation: meanPerSecond(frames, `${SIGNAL}SATAVG`, seconds, (value) => Math.min(1, value / 181)),
      blur: sharp ? meanPerSecond(pictures, 'lavfi.blur', seconds, (value) => value) : null,
      content: contentArea(pictures, proxy),
      faces: null,
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
