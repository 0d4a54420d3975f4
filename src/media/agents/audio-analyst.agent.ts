import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun } from './agent';
import { finishAndPublish, partName } from './support/files';
import { SCHEMA_VERSION, micro, part, requireInput, type AudioAnalystOutput } from './support/outputs';
import { agentSettings, numberSetting } from './support/settings';
import { LoudnessCollector, readFrameValues, silenceCollector, type Loudness } from '../tools/detectors';

const SETTINGS = agentSettings({ silence_db: -35, min_silence_s: 0.5 }, (settings) => ({
  silenceDb: numberSetting(settings, 'silence_db', -90, -5),
  minSilenceS: numberSetting(settings, 'min_silence_s', 0.05, 60),
}));
const WAVEFORM = 'waveform.png';
const LEVELS = 'levels.txt';
const LEVEL_KEY = 'lavfi.astats.Overall.RMS_level';

/** The level that stands for digital silence, in dBFS. */
export const SILENCE_DB = -120;

/** Loudness by EBU R128, of the source's own sound: a mono copy would measure lower. */
async function measureLoudness(run: AgentRun, index: number, durationS: number): Promise<Loudness> {
  const loudness = new LoudnessCollector();
  await run.tools.ffmpeg({
    inputs: [{ path: run.source.path, maxDurationS: durationS }],
    output: ['-map', `0:${index}`, '-af', 'ebur128=peak=true:framelog=verbose', '-f', 'null', '-'],
    logLevel: 'info',
    cwd: run.workDir,
    signal: run.signal,
    durationS,
    onProgress: part(run, 0, 0.5),
    onStderrLine: (line) => loudness.push(line),
  });
  return loudness.finish();
}

/** Measures the sound: loudness, silences, the level of each second; draws it. */
export const audioAnalyst: Agent = {
  id: 'audio-analyst',
  version: '1.0.0',
  title: 'Audio analyst',
  needs: ['normaliser'],
  defaults: SETTINGS.defaults,
  timeoutS: 3600,
  maxAttempts: 3,
  weight: 3,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { audio } = requireInput(run, 'inspector');
    const { audio: copy, duration_s } = requireInput(run, 'normaliser');
    if (!audio || !copy) return { status: 'skipped', reason: 'no_audio' };
    const { params, rules } = SETTINGS.of(run);

    const loudness = await measureLoudness(run, audio.index, duration_s);
    const silences = silenceCollector();
    const graph = [
      `[0:a]silencedetect=n=${rules.silenceDb}dB:d=${rules.minSilenceS},asplit=2[levels][drawing]`,
      `[levels]asetnsamples=16000,astats=metadata=1:reset=1,ametadata=print:key=${LEVEL_KEY}:file=${LEVELS}[measured]`,
      // The drawing keeps all samples in memory until the end: few are enough for it.
      `[drawing]aresample=4000,showwavespic=s=1200x160:colors=0x4f7cff[picture]`,
    ].join(';');
    await run.tools.ffmpeg({
      inputs: [{ path: await run.open(copy.artifact_id), maxDurationS: duration_s + 1, ownWav: true }],
      output: [
        ...['-filter_complex', graph, '-map', '[measured]', '-f', 'null', '-'],
        ...['-map', '[picture]', '-frames:v', '1', partName(WAVEFORM, run.attempt)],
      ],
      logLevel: 'info',
      cwd: run.workDir,
      signal: run.signal,
      durationS: duration_s,
      onProgress: part(run, 0.5, 0.95),
      onStderrLine: (line) => silences.push(line),
    });

    const levels = await readFrameValues(join(run.workDir, LEVELS), LEVEL_KEY);
    const output: AudioAnalystOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      integrated_lufs: loudness.integratedLufs,
      range_lu: loudness.rangeLu,
      true_peak_dbtp: loudness.truePeakDbtp,
      silences: silences
        .finish(duration_s)
        .map(({ start_s, end_s }) => ({ start_s: micro(start_s), end_s: micro(end_s) })),
      rms_db: levels.map(({ value }) => Math.max(SILENCE_DB, Math.round(value * 100) / 100)),
      waveform: await finishAndPublish(run, WAVEFORM, 'waveform', 'image/png'),
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
