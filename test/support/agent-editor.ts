import type { AgentEditor } from '../../src/categories/config/agents/agent-editor';
import { AGENTS } from '../../src/media/agents';
import { AgentRegistry } from '../../src/media/flow/agent-registry';
import type { ActionContext } from '../../src/pipeline/catalogue/action-command';
import { AppError } from '../../src/platform/errors/app-error';
import type { Tx } from '../../src/platform/postgres/db';
import { applyPatch, type Patch } from '../../src/platform/settings/patch';
import type { PipelineAgent } from '../../src/platform/settings/pipeline.settings';
import type { RuntimeSettings, SettingsChange } from '../../src/platform/settings/runtime-settings';
import { Settings } from '../../src/platform/settings/settings';

/** The graph of the product with these changes, and an editor that only notes what it is asked to save. */
export function editorStandIn(agents: Record<string, Partial<PipelineAgent>> = {}, inUse = false) {
  const settings = new Settings();
  const places = Object.entries(agents).map(([id, place]) => [
    id,
    { type: null, after: null, enabled: true, removed: false, timeout_s: null, max_attempts: null, ...place },
  ]);
  settings.pipeline.agents = Object.fromEntries(places) as Record<string, PipelineAgent>;
  const registry = new AgentRegistry(AGENTS, [], { current: () => settings } as RuntimeSettings);
  const saved: Patch<Settings>[] = [];
  const apply = (change: SettingsChange) => {
    const patch = typeof change === 'function' ? change(settings) : change;
    saved.push(patch);
    return patch;
  };
  const editor = {
    preview: (_id: string, change: SettingsChange) => {
      apply(change);
      return Promise.resolve({ selection: [], effects: [], warnings: [] });
    },
    save: async (
      _id: string,
      change: SettingsChange,
      _context: object,
      before?: (tx: Tx) => Promise<void>,
    ) => {
      apply(change);
      await before?.({} as Tx);
      return { agent_id: _id, graph_version: 2, settings_version: 1, changes: [] };
    },
    refuseInUse: () => (inUse ? Promise.reject(new AppError('AGENT_IN_USE')) : Promise.resolve()),
  } as unknown as AgentEditor;
  /** The graph as it is when what was noted last has been saved. */
  const after = () => {
    const { pipeline } = saved.at(-1) ?? {};
    const changed = applyPatch({ ...settings.pipeline.agents }, pipeline?.agents ?? {});
    return registry.graphOf({ ...settings, pipeline: { agents: changed as Record<string, PipelineAgent> } });
  };
  return { editor, registry, saved, after, context: {} as ActionContext };
}
