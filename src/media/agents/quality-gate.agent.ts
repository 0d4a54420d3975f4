import type { Agent, AgentResult, AgentRun } from './agent';
import {
  SCHEMA_VERSION,
  part,
  requireInput,
  type ClipRendererOutput,
  type InspectorOutput,
  type QualityCheck,
  type QualityGateOutput,
  type RenderedClip,
} from './support/outputs';
import { bitRateCheck, similarity, watchClip, type QualityLimits } from './support/quality';
import { planClip, renderClip } from './support/render-clip';
import { agentSettings, flagSetting, numberSetting, wholeSetting } from './support/settings';

const SETTINGS = agentSettings(
  {
    min_ssim: 0.9,
    max_true_peak_dbtp: -1,
    /** Share of a clip that may be black or stand still. */
    max_still_share: 0.8,
    max_kbps: 20_000,
    /** Encode a clip once more, better, whose picture lost too much. */
    rerender: true,
    rerender_crf: 18,
  },
  rulesFrom,
);

function rulesFrom(settings: Record<string, unknown>) {
  const limits: QualityLimits = {
    minSsim: numberSetting(settings, 'min_ssim', 0, 1),
    maxTruePeak: numberSetting(settings, 'max_true_peak_dbtp', -20, 10),
    maxDeadShare: numberSetting(settings, 'max_still_share', 0, 1),
    maxKbps: wholeSetting(settings, 'max_kbps', 100, 200_000),
  };
  const again = flagSetting(settings, 'rerender');
  return { limits, again, crf: wholeSetting(settings, 'rerender_crf', 10, 40) };
}

/** Checks one clip as it is. */
async function judge(
  run: AgentRun,
  source: InspectorOutput,
  rendered: ClipRendererOutput,
  clip: RenderedClip,
  limits: QualityLimits,
): Promise<QualityCheck[]> {
  const plan = planClip(run, source, clip, rendered.params);
  const checks: QualityCheck[] = [];
  const [first] = clip.variants;
  for (const { duration_s, file } of clip.variants) checks.push(bitRateCheck(file.size, duration_s, limits));
  if (first) {
    // Sound and action are the same in all variants.
    const path = await run.open(first.file.artifact_id);
    checks.push(...(await watchClip(run, path, first.duration_s, limits)));
  }
  const whole = plan.variants.find((variant) => variant.whole);
  const file = whole && clip.variants.find(({ format }) => format === whole.format)?.file;
  // Subtitles in the picture are meant to differ.
  if (whole && file && plan.captions === null)
    checks.push(await similarity(run, source, plan, whole, await run.open(file.artifact_id), limits));
  return worst(checks);
}

/** One line for each kind of check: the worst of its values. */
function worst(checks: readonly QualityCheck[]): QualityCheck[] {
  const byName = new Map<string, QualityCheck>();
  for (const check of checks) {
    const other = byName.get(check.name);
    if (
      !other ||
      (other.passed && !check.passed) ||
      (other.passed && (check.value ?? 0) > (other.value ?? 0))
    )
      byName.set(check.name, check);
  }
  return [...byName.values()];
}

/** Checks each clip like a strict viewer, has it encoded better once, and else marks it for a person to look at. */
export const qualityGate: Agent = {
  id: 'quality-gate',
  version: '1.0.0',
  title: 'Quality gate',
  needs: ['clip-renderer'],
  defaults: SETTINGS.defaults,
  timeoutS: 7200,
  maxAttempts: 3,
  weight: 10,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const source = requireInput(run, 'inspector');
    const rendered = requireInput(run, 'clip-renderer');
    const { params, rules } = SETTINGS.of(run);
    const { limits, again, crf } = rules;

    const clips: QualityGateOutput['clips'] = [];
    for (const [index, given] of rendered.clips.entries()) {
      const share = (step: number) => (index + step) / rendered.clips.length;
      let clip = given;
      let checks = await judge(run, source, rendered, clip, limits);
      run.progress(share(0.4));
      const blurred = checks.some(({ name, passed }) => name === 'ssim' && !passed);
      if (blurred && again) {
        run.log.warn(`Clip ${clip.position} lost too much of its picture and is encoded again.`);
        const plan = { ...planClip(run, source, clip, rendered.params), crf };
        clip = await renderClip(run, source, clip, plan, part(run, share(0.4), share(0.8)));
        checks = await judge(run, source, rendered, clip, limits);
      }
      const needs_review = checks.some(({ passed }) => !passed);
      clips.push({ ...clip, quality: { needs_review, rerendered: clip !== given, checks } });
      run.progress(share(1));
    }
    const output: QualityGateOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      clips,
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
