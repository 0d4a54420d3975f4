import type { Agent, AgentResult, AgentRun } from './agent';
import {
  SCHEMA_VERSION,
  part,
  requireInput,
  type ClipRendererOutput,
  type RenderedClip,
} from './support/outputs';
import { planClip, RENDER_DEFAULTS, renderClip, renderRules } from './support/render-clip';
import { agentSettings } from './support/settings';

const SETTINGS = agentSettings(RENDER_DEFAULTS, renderRules);

/** Cuts the chosen moments out of the source, exactly to the frame, as MP4 files that every player plays. */
export const clipRenderer: Agent = {
  id: 'clip-renderer',
  version: '2.0.0',
  title: 'Clip renderer',
  needs: ['captioner'],
  defaults: SETTINGS.defaults,
  timeoutS: 7200,
  maxAttempts: 3,
  weight: 40,
  essential: true,
  check: SETTINGS.check,

  async run(run: AgentRun): Promise<AgentResult> {
    const source = requireInput(run, 'inspector');
    const { clips } = requireInput(run, 'moment-selector');
    const { params } = SETTINGS.of(run);
    const total = clips.reduce((sum, clip) => sum + clip.end_s - clip.start_s, 0);

    const rendered: RenderedClip[] = [];
    let done = 0;
    for (const clip of clips) {
      const plan = planClip(run, source, clip, params);
      const length = clip.end_s - clip.start_s;
      const progress = part(run, done / total, (done + length) / total);
      rendered.push(await renderClip(run, source, clip, plan, progress));
      done += length;
    }
    const output: ClipRendererOutput = {
      schema_version: SCHEMA_VERSION,
      engine: run.tools.engine,
      params,
      clips: rendered,
    };
    run.progress(1);
    return { status: 'completed', output };
  },
};
