import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsInt, IsString, MaxLength, Min } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { IsPatchOf } from '../../../pipeline/catalogue/patch-of';
import type { Preview } from '../../../pipeline/preview/preview';
import type { Patch, SettingChange } from '../../../platform/settings/patch';
import { Settings } from '../../../platform/settings/settings';
import { AgentEditor } from '../agents/agent-editor';
import { SettingsEditor } from '../settings-editor';

/** What was saved. */
export interface ConfigSaved {
  /** The new version, in force in every process within a second. */
  version: number;
  changes: readonly SettingChange[];
  /** The changes that take effect with the next start only: none at present. */
  needs_restart: string[];
}

@Action({
  name: 'config.save',
  views: ['configuration'],
  risk: 'standard',
  mode: 'sync',
  roles: [],
  adminOnly: true,
  dependsOn: ['postgres'],
  summary: 'Save settings',
  description:
    'Merges a part of the settings into the newest version (RFC 7396: null puts a default back, or takes an entry away), validates the whole, saves it as a new version with author, time, comment and changes, and applies it in every process within 1 s. An agent cannot be taken out while jobs under way still need it.',
  errors: ['CONFIG_VERSION_CONFLICT', 'AGENT_IN_USE'],
  example: {
    settings: { uploads: { max_open_per_user: 10 } },
    expected_version: 1,
    comment: 'Fewer open uploads',
  },
  since: '1.0',
})
export class SaveConfig extends ActionCommand<ConfigSaved> {
  /** What to change; all else stays as it is. */
  @Recorded()
  @IsPatchOf(Settings)
  settings!: Patch<Settings>;

  /** The newest version, as `system.settings_version` of the read model has it; 0 if none was ever saved. */
  @Recorded()
  @IsInt()
  @Min(0)
  expected_version!: number;

  /** Why, for those who read the history. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @MaxLength(500)
  comment?: string;
}

@CommandHandler(SaveConfig)
export class SaveConfigHandler implements PreviewingHandler<SaveConfig> {
  constructor(
    @Inject(SettingsEditor) private readonly editor: SettingsEditor,
    @Inject(AgentEditor) private readonly agents: AgentEditor,
  ) {}

  async preview({ settings, expected_version, context }: SaveConfig): Promise<Preview> {
    const before = await this.editor.newest();
    const { changes, settings: after } = await this.editor.plan(settings, expected_version, context);
    await this.agents.refuseMissing(before, after);
    return {
      selection: [{ id: 'settings', state: String(expected_version) }],
      effects: changes.map((change) => ({
        target: change.path,
        effect: `becomes ${JSON.stringify(change.new)}, is ${JSON.stringify(change.old)}`,
      })),
      warnings: changes.length === 0 ? ['Nothing would change.'] : [],
    };
  }

  async execute({ settings, expected_version, comment, context }: SaveConfig): Promise<ConfigSaved> {
    // What is saved here comes right after the version that this reads: its number is expected_version.
    const before = await this.editor.newest();
    const saved = await context.transaction(async (tx) => {
      const done = await this.editor.save(settings, expected_version, comment, context, tx);
      const { version, changes } = done;
      await this.agents.refuseMissing(before, done.settings, tx);
      return { version, changes, needs_restart: [] };
    });
    await this.editor.announce(saved, context);
    return saved;
  }
}
