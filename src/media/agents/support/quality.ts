import type { AgentRun } from '../agent';
import { blackCollector, freezeCollector, LoudnessCollector } from '../../tools/detectors';
import { TONE_MAP } from './geometry';
import type { InspectorOutput, QualityCheck } from './outputs';
import { renderInput, type RenderPlan, type VariantPlan } from './render';
import { Coverage, unite } from './windows';

/** From which values on a clip is not good enough. */
export interface QualityLimits {
  /** Least similarity to the source (SSIM), 0..1. */
  minSsim: number;
  /** Loudest true peak, in dBTP. */
  maxTruePeak: number;
  /** Largest share of a clip that may be black or stand still, 0..1. */
  maxDeadShare: number;
  /** Highest bit rate, in kilobits a second. */
  maxKbps: number;
}

/** What is checked, with what is wrong in words. Only a picture that lost too much gets better by another encoding. */
const check = (
  name: QualityCheck['name'],
  value: number | null,
  limit: number,
  passed: boolean,
): QualityCheck => ({
  name,
  value: value === null ? null : Math.round(value * 10_000) / 10_000,
  limit,
  passed,
});

/** Watches and listens to a finished clip: how loud it peaks, how much of it is black or stands still. */
export async function watchClip(
  run: AgentRun,
  path: string,
  durationS: number,
  limits: QualityLimits,
): Promise<QualityCheck[]> {
  const [blacks, freezes, loudness] = [blackCollector(), freezeCollector(), new LoudnessCollector()];
  await run.tools.ffmpeg({
    inputs: [{ path, maxDurationS: durationS + 1 }],
    output: [
      ...['-map', '0:v:0', '-vf', 'scale=320:-2,blackdetect=d=0.1:pix_th=0.10,freezedetect=n=-50dB:d=1'],
      ...['-map', '0:a:0', '-af', 'ebur128=peak=true:framelog=verbose', '-f', 'null', '-'],
    ],
    logLevel: 'info',
    cwd: run.workDir,
    signal: run.signal,
    durationS,
    onStderrLine: (line) => {
      blacks.push(line);
      freezes.push(line);
      loudness.push(line);
    },
  });
  const dead = unite([...blacks.finish(durationS), ...freezes.finish(durationS)]);
  const share = new Coverage(dead).share(0, durationS);
  const peak = loudness.finish().truePeakDbtp;
  return [
    check('true_peak_dbtp', peak, limits.maxTruePeak, peak === null || peak <= limits.maxTruePeak),
    check('still_share', share, limits.maxDeadShare, share <= limits.maxDeadShare),
  ];
}

/** Whether a file is small enough for its length. */
export function bitRateCheck(sizeBytes: number, durationS: number, limits: QualityLimits): QualityCheck {
  const kbps = (sizeBytes * 8) / 1000 / durationS;
  return check('kbps', kbps, limits.maxKbps, kbps <= limits.maxKbps);
}

/** How alike a clip is to the same stretch of the source, for a variant that shows the whole picture. */
export async function similarity(
  run: AgentRun,
  source: InspectorOutput,
  plan: RenderPlan,
  variant: VariantPlan,
  path: string,
  limits: QualityLimits,
): Promise<QualityCheck> {
  const durationS = plan.frames / plan.rate.fps;
  const { width, height } = variant.size;
  const tone = plan.toneMap ? `,${TONE_MAP}` : '';
  const graph =
    `[0:${source.video.index}]fps=${plan.rate.text}:start_time=0,scale=${width}:${height}${tone},setsar=1,` +
    'format=yuv420p,setpts=PTS-STARTPTS[a];[1:v:0]setpts=PTS-STARTPTS[b];[a][b]ssim=shortest=1';
  const exit = await run.tools.ffmpeg({
    inputs: [renderInput(run.source.path, plan, false), { path, maxDurationS: durationS + 1 }],
    output: ['-filter_complex', graph, '-f', 'null', '-'],
    logLevel: 'info',
    cwd: run.workDir,
    signal: run.signal,
    durationS,
    wallFactor: plan.toneMap ? 60 : 20,
    ...(plan.toneMap ? { stallMs: 180_000 } : {}),
  });
  const measured = Number(/SSIM .*All:([\d.]+)/.exec(exit.stderr)?.[1]);
  const ssim = Number.isFinite(measured) ? measured : null;
  return check('ssim', ssim, limits.minSsim, ssim === null || ssim >= limits.minSsim);
}
