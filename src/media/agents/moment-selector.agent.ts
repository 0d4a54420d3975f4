import type { Agent, AgentResult, AgentRun } from './agent';
import { AgentError } from './agent-error';
import {
  SCHEMA_VERSION,
  findInput,
  micro,
  requireInput,
  type MomentSelectorOutput,
  type SelectedClip,
} from './support/outputs';
import { FEATURES, pickBest, Scorer } from './support/scoring';
import { numberSetting, weightsSetting, wholeSetting, withDefaults } from './support/settings';
import { candidateWindows, findBoundaries, fitLengths, type LengthRules } from './support/windows';

const DEFAULTS = {
  count: 3,
  min_s: 8,
  max_s: 60,
  target_s: 20,
  weights: { loudness: 0.3, sound: 0.2, variety: 0.15, edges: 0.2, length: 0.15 },
  /** What a wholly black or frozen clip loses. */
  dead_penalty: 1,
  /** Clips after the first that are black or frozen for more than this share are left out. */
  max_dead_share: 0.8,
};

function wishedLengths(settings: Record<string, unknown>): LengthRules {
  const minS = numberSetting(settings, 'min_s', 1, 600);
  const maxS = numberSetting(settings, 'max_s', 1, 3600);
  const targetS = numberSetting(settings, 'target_s', 1, 3600);
  if (minS > maxS)
    throw new AgentError('INVALID_SETTING', 'The setting min_s must not be greater than max_s.', {
      retryable: false,
    });
  return { minS, maxS, targetS };
}

/** Chooses the stretches that become clips, and says why. Reads no file: the same inputs always give the same clips. */
export const momentSelector: Agent = {
  id: 'moment-selector',
  version: '1.0.0',
  title: 'Moment selector',
  needs: ['inspector', 'audio-analyst', 'scene-detector'],
  defaults: DEFAULTS,
  timeoutS: 300,
  maxAttempts: 3,
  weight: 2,

  run(run: AgentRun): Promise<AgentResult> {
    return Promise.resolve({ status: 'completed', output: select(run) });
  },
};

function select(run: AgentRun): MomentSelectorOutput {
  const { proxy, duration_s } = requireInput(run, 'normaliser');
  const scenes = findInput(run, 'scene-detector');
  const sound = findInput(run, 'audio-analyst');
  const settings = withDefaults(DEFAULTS, run.settings);
  const count = wholeSetting(settings, 'count', 1, 50);
  const lengths = fitLengths(duration_s, count, wishedLengths(settings));
  const scorer = new Scorer(
    scenes,
    sound,
    weightsSetting(settings, 'weights', FEATURES),
    numberSetting(settings, 'dead_penalty', 0, 10),
    lengths,
  );
  const boundaries = findBoundaries(
    duration_s,
    proxy.fps,
    {
      cuts: (scenes?.cuts ?? []).map((cut) => cut.time_s),
      silences: sound?.silences ?? [],
      blacks: scenes?.blacks ?? [],
    },
    Math.max(1, lengths.targetS / 2),
  );
  const windows = candidateWindows(boundaries, lengths).map((window) => scorer.score(window));
  const picked = pickBest(windows, count, numberSetting(settings, 'max_dead_share', 0, 1));
  const clips = picked.map((window, index): SelectedClip => ({
    position: index + 1,
    start_s: micro(window.from.time_s),
    end_s: micro(window.to.time_s),
    score: Math.round(window.score * 1000) / 1000,
    reasons: scorer.reasons(window),
  }));
  run.progress(1);
  return {
    schema_version: SCHEMA_VERSION,
    engine: 'moment-selector 1.0.0',
    params: settings,
    clips,
    candidates: windows.length,
    note: clips.length < count ? `The video has room for ${clips.length} of ${count} clips.` : null,
  };
}
