import { join } from 'node:path';
import type { Agent, AgentResult, AgentRun } from './agent';
import { AgentError } from './agent-error';
import { finish, finishAndPublish, partName } from './support/files';
import { fitShortSide, TONE_MAP, workingRate } from './support/geometry';
import { SCHEMA_VERSION, micro, part, requireInput, type NormaliserOutput } from './support/outputs';
import { agentSettings, numberSetting, wholeSetting } from './support/settings';

const SETTINGS = agentSettings(
  {
    /** Shorter side of the analysis copy, in pixels. */
    proxy_short_side: 360,
    max_fps: 30,
    crf: 26,
  },
  (settings) => ({
    shortSide: wholeSetting(settings, 'proxy_short_side', 90, 1080),
    maxFps: numberSetting(settings, 'max_fps', 1, 60),
    crf: wholeSetting(settings, 'crf', 10, 40),
  }),
);
const PROXY = 'proxy.mp4';
const SOUND = 'audio.wav';

/** How much slower than plain video HDR is: float planes through three conversions. */
const HDR_WALL_FACTOR = 40;

/** Makes the copy that all later analysis reads: constant rate, upright, square pixels, 8 bit; and mono sound. */
export const normaliser: Agent = {
  id: 'normaliser',
  version: '1.0.0',
  title: 'Normaliser',
  needs: ['inspector'],
  defaults: SETTINGS.defaults,
  timeoutS: 7200,
  maxAttempts: 3,
  weight: 25,
  essential: true,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const { video, audio, duration_s } = requireInput(run, 'inspector');
    const { params, rules } = SETTINGS.of(run);
    const size = fitShortSide(video, rules.shortSide);
    const rate = workingRate(video, rules.maxFps);
    const toneMapped = video.hdr !== null && run.tools.has('zscale') && run.tools.has('tonemap');
    if (video.hdr !== null && !toneMapped)
      run.log.warn('This ffmpeg cannot convert HDR; the colours of the clips will look pale.');

    const filter = [
      `fps=${rate.text}:start_time=0`,
      `scale=${size.width}:${size.height}`,
      ...(toneMapped ? [TONE_MAP] : []),
      'setsar=1',
      'format=yuv420p',
    ].join(',');
    const picture = ['-map', `0:${video.index}`, '-vf', filter, '-c:v', 'libx264', '-preset', 'ultrafast'];
    const sound = audio
      ? [
          '-map',
          `0:${audio.index}`,
          '-af',
          'aresample=16000:async=1:first_pts=0',
          '-ac',
          '1',
          '-c:a',
          'pcm_s16le',
        ]
      : [];
    await run.tools.ffmpeg({
      inputs: [{ path: run.source.path, maxDurationS: duration_s + 1 }],
      output: [
        ...picture,
        // A keyframe every 60 frames, so that the storyboard can be made from keyframes alone.
        ...['-crf', String(rules.crf), '-g', '60', '-threads', '2'],
        ...['-t', String(duration_s), '-map_metadata', '-1', '-movflags', '+faststart'],
        ...['-fflags', '+bitexact', '-flags:v', '+bitexact', partName(PROXY, run.attempt)],
        ...(audio
          ? [...sound, '-t', String(duration_s), '-fflags', '+bitexact', partName(SOUND, run.attempt)]
          : []),
      ],
      cwd: run.workDir,
      signal: run.signal,
      durationS: duration_s,
      ...(toneMapped ? { wallFactor: HDR_WALL_FACTOR, stallMs: 180_000 } : {}),
      onProgress: part(run, 0, 0.95),
    });

    const measured = await measure(run, await finish(run, PROXY));
    const file = {
      path: join(run.workDir, PROXY),
      name: PROXY,
      kind: 'proxy',
      contentType: 'video/mp4',
    } as const;
    const output: NormaliserOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      proxy: { ...(await run.publish(file)), ...size, fps: micro(rate.fps), frames: measured.frames },
      audio: audio ? await finishAndPublish(run, SOUND, 'audio', 'audio/wav') : null,
      duration_s: micro(measured.durationS),
      tone_mapped: toneMapped,
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};

/** The length of the copy: what the clips may reach to. */
async function measure(run: AgentRun, path: string): Promise<{ frames: number; durationS: number }> {
  const { probe, stderr } = await run.tools.probe(path, { cwd: run.workDir, signal: run.signal });
  const stream = probe?.streams.find(({ type }) => type === 'video');
  if (!stream?.durationS || !stream.frames)
    throw new AgentError('OUTPUT_INVALID', 'The analysis copy of the video came out empty.', {
      retryable: true,
      detail: stderr,
    });
  return { frames: stream.frames, durationS: stream.durationS };
}
