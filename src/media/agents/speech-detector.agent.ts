import type { Agent, AgentResult, AgentRun } from './agent';
import { skipped } from './skip';
import { perSecond, speechSegments } from './speech/segments';
import { FRAME_S, hasSpeechEngine, SPEECH_ENGINE, speechProbabilities } from './speech/silero';
import { SCHEMA_VERSION, micro, part, requireInput, type SpeechDetectorOutput } from './support/outputs';
import { agentSettings, numberSetting } from './support/settings';

const SETTINGS = agentSettings(
  {
    /** Probability, 0..1, from which on it is speech. */
    enter_threshold: 0.5,
    /** Probability below which speech ends. */
    leave_threshold: 0.35,
    /** Shorter pauses belong to the speech around them. */
    min_silence_s: 0.3,
    min_speech_s: 0.25,
  },
  (settings) => ({
    enter: numberSetting(settings, 'enter_threshold', 0.05, 0.99),
    leave: numberSetting(settings, 'leave_threshold', 0.01, 0.99),
    minSilenceS: numberSetting(settings, 'min_silence_s', 0, 10),
    minSpeechS: numberSetting(settings, 'min_speech_s', 0, 10),
  }),
);

/** Finds where somebody speaks, by a small neural network; music and noise are not taken for speech. */
export const speechDetector: Agent = {
  id: 'speech-detector',
  version: '1.0.0',
  title: 'Speech detector',
  needs: ['normaliser'],
  defaults: SETTINGS.defaults,
  timeoutS: 3600,
  maxAttempts: 3,
  weight: 3,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { audio, duration_s } = requireInput(run, 'normaliser');
    if (!audio) return skipped('no_audio');
    const { params, rules } = SETTINGS.of(run);
    if (!hasSpeechEngine()) return skipped('no_speech_engine');
    const found = await speechProbabilities({
      path: await run.open(audio.artifact_id),
      durationS: duration_s,
      signal: run.signal,
      wallMs: 60_000 + duration_s * 1000,
      onProgress: part(run, 0, 0.98),
    });
    if ('unavailable' in found) {
      run.log.warn(`The speech detection cannot be loaded: ${found.unavailable}`);
      return skipped('no_speech_engine');
    }
    const segments = speechSegments(found, FRAME_S, duration_s, rules).map(({ start_s, end_s }) => ({
      start_s: micro(start_s),
      end_s: micro(end_s),
    }));
    const spoken = segments.reduce((sum, { start_s, end_s }) => sum + end_s - start_s, 0);
    const output: SpeechDetectorOutput = {
      schema_version: SCHEMA_VERSION,
      engine: SPEECH_ENGINE,
      params,
      segments,
      speech_ratio: duration_s > 0 ? micro(Math.min(1, spoken / duration_s)) : 0,
      probability: perSecond(found, FRAME_S),
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
