import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun } from './agent';
import { findCuts, shotsBetween, type CutRules } from './support/cuts';
import {
  SCHEMA_VERSION,
  micro,
  part,
  requireInput,
  type SceneDetectorOutput,
  type Span,
} from './support/outputs';
import { agentSettings, numberSetting } from './support/settings';
import { unite } from './support/windows';
import {
  blackCollector,
  freezeCollector,
  readFrameValues,
  type FrameValue,
  type Stretch,
} from '../tools/detectors';
import type { MediaTools } from '../tools/media-tools';

const SETTINGS = agentSettings(
  {
    /** Change of the picture, 0..100, that is a cut in any case. */
    cut_threshold: 10,
    /** A lesser change that is a cut if it stands out from the frames around it. */
    soft_cut_threshold: 4,
    stands_out: 2.5,
    min_shot_s: 0.4,
    min_black_s: 0.1,
    freeze_noise_db: -50,
    min_freeze_s: 1,
  },
  (settings) => ({
    cuts: cutRules(settings),
    minFreeze: numberSetting(settings, 'min_freeze_s', 0.1, 60),
    minBlack: numberSetting(settings, 'min_black_s', 0.02, 60),
    freezeNoiseDb: numberSetting(settings, 'freeze_noise_db', -90, -10),
  }),
);
const SCORES = 'scores.txt';

/**
 * The analysis copy has a keyframe every 60 frames, whose slightly other noise ends a freeze: short ones are looked
 * for, and joined across such a frame.
 */
const FREEZE_PIECE_S = 0.2;
const FREEZE_GAP_S = 0.1;

function cutRules(settings: Record<string, unknown>): CutRules {
  return {
    threshold: numberSetting(settings, 'cut_threshold', 0.1, 100),
    softThreshold: numberSetting(settings, 'soft_cut_threshold', 0.1, 100),
    standsOut: numberSetting(settings, 'stands_out', 1, 100),
    minShotS: numberSetting(settings, 'min_shot_s', 0, 60),
  };
}

/** How the change of each frame is measured: `scdet` where it exists, else the older `select`, on the same scale. */
function changeMeter(tools: MediaTools): { filter: string; read: (path: string) => Promise<FrameValue[]> } {
  if (tools.has('scdet')) {
    const key = 'lavfi.scd.score';
    return {
      filter: `scdet=t=100,metadata=print:key=${key}:file=${SCORES}`,
      read: (path) => readFrameValues(path, key),
    };
  }
  const key = 'lavfi.scene_score';
  return {
    filter: `select='gte(scene,0)',metadata=print:key=${key}:file=${SCORES}`,
    read: async (path) =>
      (await readFrameValues(path, key)).map(({ timeS, value }) => ({ timeS, value: value * 100 })),
  };
}

const rounded = (stretches: Stretch[]): Span[] =>
  stretches.map(({ start_s, end_s }) => ({ start_s: micro(start_s), end_s: micro(end_s) }));

/** Finds cuts, black stretches and frozen ones, in one pass over the analysis copy. */
export const sceneDetector: Agent = {
  id: 'scene-detector',
  version: '1.0.0',
  title: 'Scene detector',
  needs: ['normaliser'],
  defaults: SETTINGS.defaults,
  timeoutS: 3600,
  maxAttempts: 3,
  weight: 10,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { proxy, duration_s } = requireInput(run, 'normaliser');
    const { params, rules } = SETTINGS.of(run);
    const meter = changeMeter(run.tools);
    const blacks = blackCollector();
    const freezes = freezeCollector();
    const filter = [
      `blackdetect=d=${rules.minBlack}:pix_th=0.10`,
      `freezedetect=n=${rules.freezeNoiseDb}dB:d=${FREEZE_PIECE_S}`,
      meter.filter,
    ].join(',');
    await run.tools.ffmpeg({
      inputs: [{ path: await run.open(proxy.artifact_id), maxDurationS: duration_s + 1 }],
      output: ['-map', '0:v:0', '-vf', filter, ...run.tools.frameSync('passthrough'), '-f', 'null', '-'],
      logLevel: 'info',
      cwd: run.workDir,
      signal: run.signal,
      durationS: duration_s,
      onProgress: part(run, 0, 0.98),
      onStderrLine: (line) => {
        blacks.push(line);
        freezes.push(line);
      },
    });
    const cuts = findCuts(await meter.read(join(run.workDir, SCORES)), duration_s, rules.cuts).map(
      ({ time_s, score }) => ({ time_s: micro(time_s), score: micro(score) }),
    );
    const output: SceneDetectorOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      cuts,
      blacks: rounded(blacks.finish(duration_s)),
      freezes: rounded(
        unite(freezes.finish(duration_s), FREEZE_GAP_S).filter((f) => f.end_s - f.start_s >= rules.minFreeze),
      ),
      shots: shotsBetween(cuts, duration_s),
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
