import { setImmediate } from 'node:timers/promises';
import type { Agent, AgentResult, AgentRun } from './agent';
import { AgentError } from './agent-error';
import {
  SCHEMA_VERSION,
  findInput,
  micro,
  requireInput,
  type MomentSelectorOutput,
  type SelectedClip,
  type Span,
} from './support/outputs';
import { pickBest } from './support/pick-best';
import { proposalsFor } from './support/proposals';
import { FEATURES, Scorer, type ScoredWindow } from './support/scoring';
import { agentSettings, invalid, numberSetting, weightsSetting, wholeSetting } from './support/settings';
import {
  findBoundaries,
  fitLengths,
  wholeWindow,
  windowsFrom,
  windowsOf,
  type Boundary,
  type LengthRules,
} from './support/windows';

const VERSION = '2.2.0';

const SETTINGS = agentSettings(
  {
    count: 3,
    min_s: 8,
    max_s: 60,
    target_s: 20,
    weights: {
      /** What steps of other systems propose counts as much as all else together. */
      proposed: 1,
      speech: 0.25,
      loudness: 0.15,
      sound: 0.1,
      motion: 0.15,
      picture: 0.05,
      variety: 0.1,
      edges: 0.1,
      length: 0.1,
    },
    /** What a clip loses that is wholly black, or frozen without sound. */
    dead_penalty: 1,
    /** What a clip loses whose picture stands still all the time, while there is sound. */
    still_penalty: 0.3,
    /** What a clip loses that begins and ends in the middle of speech. */
    mid_speech_penalty: 0.2,
    /** Clips after the first in which nothing happens for more than this share are left out. */
    max_dead_share: 0.8,
  },
  rulesFrom,
);

function wishedLengths(settings: Record<string, unknown>): LengthRules {
  const minS = numberSetting(settings, 'min_s', 1, 600);
  const maxS = numberSetting(settings, 'max_s', 1, 3600);
  const targetS = numberSetting(settings, 'target_s', 1, 3600);
  if (minS > maxS) throw invalid('min_s', 'no greater than max_s');
  return { minS, maxS, targetS };
}

/** By what is chosen. @throws AgentError INVALID_SETTING */
function rulesFrom(settings: Record<string, unknown>) {
  return {
    count: wholeSetting(settings, 'count', 1, 50),
    wished: wishedLengths(settings),
    weights: weightsSetting(settings, 'weights', FEATURES),
    penalties: {
      dead: numberSetting(settings, 'dead_penalty', 0, 10),
      still: numberSetting(settings, 'still_penalty', 0, 10),
      midSpeech: numberSetting(settings, 'mid_speech_penalty', 0, 10),
    },
    maxDeadShare: numberSetting(settings, 'max_dead_share', 0, 1),
  };
}

/** Chooses the stretches that become clips, and says why. Reads no file: the same inputs always give the same clips. */
export const momentSelector: Agent = {
  id: 'moment-selector',
  version: VERSION,
  title: 'Moment selector',
  needs: ['inspector', 'audio-analyst', 'speech-detector', 'scene-detector', 'visual-scorer'],
  defaults: SETTINGS.defaults,
  timeoutS: 300,
  maxAttempts: 3,
  weight: 2,
  essential: true,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    return { status: 'completed', output: await select(run) };
  },
};

/** Boundaries whose windows are scored before other work of this process gets its turn. */
const TURN = 200;
/** Up to so many boundaries every window is kept for the choice; beyond, the best of each beginning. */
const KEEP_ALL = 500;
const KEEP = 3;

/** Scores all windows, in turns: the worker's heartbeat must go on meanwhile. */
async function scoreAll(
  run: AgentRun,
  scorer: Scorer,
  boundaries: readonly Boundary[],
  lengths: LengthRules,
): Promise<{ kept: ScoredWindow[]; seen: number }> {
  const kept: ScoredWindow[] = [];
  let seen = 0;
  for (let index = 0; index < boundaries.length; index += 1) {
    const scored = windowsFrom(boundaries, index, lengths).map((window) => scorer.score(window));
    seen += scored.length;
    if (boundaries.length > KEEP_ALL) scored.sort((a, b) => b.rank - a.rank).splice(KEEP);
    kept.push(...scored);
    if (index % TURN !== TURN - 1) continue;
    run.progress(index / boundaries.length);
    await setImmediate();
    if (run.signal.aborted) throw new AgentError('ABORTED');
  }
  if (kept.length > 0) return { kept, seen };
  return { kept: wholeWindow(boundaries).map((window) => scorer.score(window)), seen: 1 };
}

/** The pauses between stretches that are in the order of time. */
function between(spans: readonly Span[]): Span[] {
  return spans
    .slice(1)
    .map(({ start_s }, index) => ({ start_s: spans[index]?.end_s ?? start_s, end_s: start_s }));
}

async function select(run: AgentRun): Promise<MomentSelectorOutput> {
  const { proxy, duration_s } = requireInput(run, 'normaliser');
  const scenes = findInput(run, 'scene-detector');
  const sound = findInput(run, 'audio-analyst');
  const speech = findInput(run, 'speech-detector');
  const picture = findInput(run, 'visual-scorer');
  const { proposals, outside } = proposalsFor(run, duration_s);
  const { params, rules } = SETTINGS.of(run);
  const { count, wished, weights, penalties, maxDeadShare } = rules;
  const lengths = fitLengths(duration_s, count, wished);
  const scorer = new Scorer({ scenes, sound, speech, picture, proposals }, weights, penalties, lengths);
  const boundaries = findBoundaries(
    duration_s,
    proxy.fps,
    {
      cuts: (scenes?.cuts ?? []).map((cut) => cut.time_s),
      silences: sound?.silences ?? [],
      blacks: scenes?.blacks ?? [],
      pauses: between(speech?.segments ?? []),
      freezes: scenes?.freezes ?? [],
      proposals,
    },
    Math.max(1, lengths.targetS / 4),
  );
  const { kept, seen } = await scoreAll(run, scorer, boundaries, lengths);
  // Whatever a very long list of windows leaves out: these are looked at.
  kept.push(...windowsOf(boundaries, proposals, proxy.fps, lengths).map((window) => scorer.score(window)));
  const picked = pickBest(kept, count, maxDeadShare);
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
    engine: `moment-selector ${VERSION}`,
    params,
    clips,
    candidates: seen,
    note: noteOf([
      clips.length < count && `The video has room for ${clips.length} of ${count} clips.`,
      outside > 0 && `Proposed moments that begin after the end of the video: ${outside}.`,
    ]),
  };
}

function noteOf(notes: (string | false)[]): string | null {
  return notes.filter((note) => note !== false).join(' ') || null;
}
