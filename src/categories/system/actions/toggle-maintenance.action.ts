import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsBoolean, IsString, MaxLength } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import type { FrozenItem, Preview } from '../../../pipeline/preview/preview';
import { AppError } from '../../../platform/errors/app-error';
import { IsTimestamp } from '../../../platform/validation/timestamp';
import type { Patch } from '../../../platform/settings/patch';
import { RuntimeSettings } from '../../../platform/settings/runtime-settings';
import type { Settings } from '../../../platform/settings/settings';

/** Maintenance mode as it is now. */
export interface MaintenanceState {
  enabled: boolean;
  message: string | null;
  until: string | null;
  /** Whether it was the other way before. */
  changed: boolean;
  settings_version: number;
}

@Action({
  name: 'system.maintenance_mode_toggle',
  views: ['system-controls'],
  risk: 'critical',
  mode: 'sync',
  roles: [],
  dependsOn: ['postgres'],
  summary: 'Switch maintenance mode',
  description:
    'On: the user API answers 503 MAINTENANCE with Retry-After on every instance within 1 s; admin, health and work in flight go on.',
  errors: [],
  example: { enabled: true, message: 'Back at ten.', until: '2027-01-01T10:00:00Z' },
  since: '1.0',
})
export class ToggleMaintenance extends ActionCommand<MaintenanceState> {
  /** The opposite of what it is now, if not given. */
  @Recorded()
  @MayBeAbsent()
  @IsBoolean()
  enabled?: boolean;

  /** What users are told. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @MaxLength(500)
  message?: string;

  /** When it is expected to end. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  until?: string;
}

@CommandHandler(ToggleMaintenance)
export class ToggleMaintenanceHandler implements PreviewingHandler<ToggleMaintenance> {
  constructor(@Inject(RuntimeSettings) private readonly settings: RuntimeSettings) {}

  async preview(command: ToggleMaintenance): Promise<Preview> {
    await this.settings.catchUp();
    const now = this.settings.current().maintenance.enabled;
    const enabled = command.enabled ?? !now;
    const effect = enabled ? 'answers 503 MAINTENANCE to users' : 'serves users';
    return {
      selection: [{ id: 'user-api', state: now ? 'closed' : 'open' }],
      effects: [{ target: 'user-api', effect }],
      warnings: enabled === now ? ['It is so already; only message and time would change.'] : [],
    };
  }

  async execute({ context, ...command }: ToggleMaintenance): Promise<MaintenanceState> {
    let before = false;
    const state = await context.transaction(async (tx) => {
      const by = { authorId: context.actor.userId, comment: context.reason };
      // By the newest version, which nobody follows with another meanwhile: two who toggle at once undo each other.
      const decide = ({ maintenance }: Settings): Patch<Settings> => {
        before = maintenance.enabled;
        return switched(command, before, context.selection);
      };
      const { version, settings } = await this.settings.update(decide, by, tx);
      const { enabled, message, until } = settings.maintenance;
      return { enabled, message, until, changed: enabled !== before, settings_version: version };
    });
    await this.settings.announce(state.settings_version);
    return state;
  }
}

/** @throws AppError CONFLICT if it is not any more what a preview has shown */
function switched(
  { enabled, message, until }: Pick<ToggleMaintenance, 'enabled' | 'message' | 'until'>,
  before: boolean,
  [frozen]: readonly FrozenItem[] = [],
): Patch<Settings> {
  if (frozen && frozen.state !== (before ? 'closed' : 'open'))
    throw new AppError('CONFLICT', 'Maintenance mode was switched since the preview.');
  return {
    maintenance: { enabled: enabled ?? !before, message: message ?? null, until: until ?? null },
  };
}
