import { Inject, Injectable } from '@nestjs/common';
import { AgentRegistry } from '../../../media/flow/agent-registry';
import { GraphVersions } from '../../../media/flow/graph-versions';
import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import type { Preview } from '../../../pipeline/preview/preview';
import { AppError, type FieldError } from '../../../platform/errors/app-error';
import { hostRuleOf } from '../../../platform/outbound/host-rules';
import { Db, type Tx } from '../../../platform/postgres/db';
import type { SettingChange } from '../../../platform/settings/patch';
import {
  RuntimeSettings,
  type SavedSettings,
  type SettingsAuthor,
  type SettingsChange,
} from '../../../platform/settings/runtime-settings';
import type { Settings } from '../../../platform/settings/settings';
import { stateOf } from './agent-changes';

/** What a change of the graph came to. */
export interface AgentChanged {
  agent_id: string;
  /** The version of the graph that jobs created from now on keep. */
  graph_version: number;
  /** The version of the settings that it was saved as. */
  settings_version: number;
  changes: readonly SettingChange[];
}

/** Changes the graph and the settings of its agents on behalf of an operator. */
@Injectable()
export class AgentEditor {
  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(AgentRegistry) private readonly agents: AgentRegistry,
    @Inject(GraphVersions) private readonly graphs: GraphVersions,
  ) {}

  /** What {@link save} would do now. @throws what that throws */
  async preview(agentId: string, change: SettingsChange): Promise<Preview> {
    const { changes } = await ofPayload(agentId, async () => {
      const planned = await this.settings.plan(change, { authorId: null });
      this.refuseHosts(agentId, planned.settings);
      return planned;
    });
    const { settings } = await this.settings.plan({}, { authorId: null });
    return {
      selection: [{ id: agentId, state: stateOf(this.agents.graphOf(settings), agentId) }],
      effects: changes.map(({ path, old, new: value }) => ({
        target: path,
        effect: `becomes ${JSON.stringify(value)}, is ${JSON.stringify(old)}`,
      })),
      warnings: changes.length === 0 ? ['Nothing would change.'] : [],
    };
  }

  /**
   * Saves the change as a new version of the settings, within the action's transaction, and applies it in every
   * process.
   *
   * @param before called in the transaction, once nobody else can change the settings; throws to refuse
   * @throws AppError VALIDATION_ERROR, CONFLICT, and what `change` throws
   */
  async save(
    agentId: string,
    change: SettingsChange,
    context: ActionContext,
    before: (tx: Tx) => Promise<void> = () => Promise.resolve(),
  ): Promise<AgentChanged> {
    const [frozen] = context.selection ?? [];
    const unchanged: SettingsChange = (newest) => {
      if (frozen && frozen.state !== stateOf(this.agents.graphOf(newest), agentId))
        throw new AppError('CONFLICT', 'The agent was changed since the preview.');
      return typeof change === 'function' ? change(newest) : change;
    };
    const author: SettingsAuthor = { authorId: context.actor.userId, comment: context.reason };
    const changed = await context.transaction(async (tx) => {
      const saved = await ofPayload(agentId, () => this.settings.update(unchanged, author, tx));
      await before(tx);
      return this.changed(agentId, saved, tx);
    });
    await this.settings.announce(changed.settings_version);
    return changed;
  }

  /** @throws AppError AGENT_IN_USE if jobs under way have steps of the agent that have not ended */
  async refuseInUse(agentId: string, tx: Tx = this.db): Promise<void> {
    const [row] = await tx.query<{ job_id: string }>(
      `SELECT s.job_id FROM jobs j JOIN steps s ON s.job_id = j.id AND s.agent = $1
       WHERE j.status IN ('queued', 'processing') AND s.status IN ('blocked', 'queued', 'processing') LIMIT 1`,
      [agentId],
    );
    if (row) throw new AppError('AGENT_IN_USE', `Job ${row.job_id} and maybe others still need the agent.`);
  }

  /** @throws AppError AGENT_IN_USE if `after` lacks an agent of `before` that jobs under way still need */
  async refuseMissing(before: Settings, after: Settings, tx: Tx = this.db): Promise<void> {
    const left = this.agents.graphOf(after).ids;
    for (const id of this.agents.graphOf(before).ids) if (!left.includes(id)) await this.refuseInUse(id, tx);
  }

  private async changed(agentId: string, saved: SavedSettings, tx: Tx): Promise<AgentChanged> {
    this.refuseHosts(agentId, saved.settings);
    return {
      agent_id: agentId,
      graph_version: await this.graphs.of(this.agents.graphOf(saved.settings), tx),
      settings_version: saved.version,
      changes: saved.changes,
    };
  }

  /** An agent that calls a host which nobody has allowed would fail with its first job. */
  private refuseHosts(agentId: string, settings: Settings): void {
    const url = settings.agents[agentId]?.['url'];
    if (this.agents.graphOf(settings).get(agentId)?.id !== 'http' || typeof url !== 'string') return;
    const rule = hostRuleOf(settings.outbound, url);
    if ('refusal' in rule)
      throw new AppError('VALIDATION_ERROR', rule.refusal, {
        details: [{ path: 'payload.settings.url', message: rule.refusal }],
      });
  }
}

/** Names what is wrong where the caller has it: in the payload. */
async function ofPayload<T>(agentId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || !error.details) throw error;
    const details = error.details.map((detail) => inPayload(agentId, detail));
    throw new AppError(error.code, error.message, { details, cause: error });
  }
}

function inPayload(agentId: string, detail: FieldError): FieldError {
  const path = detail.path
    .replace(`settings.pipeline.agents.${agentId}`, 'payload')
    .replace(`settings.agents.${agentId}`, 'payload.settings');
  return { path, message: detail.message };
}
