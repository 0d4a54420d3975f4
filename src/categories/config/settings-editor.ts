import { Inject, Injectable } from '@nestjs/common';
import { decideAddress } from '../../pipeline/access/action-networks';
import { PayloadScrubber } from '../../pipeline/audit/payload-scrubber';
import { SecurityEvents } from '../../pipeline/audit/security-events';
import type { ActionContext } from '../../pipeline/catalogue/action-command';
import { AppError } from '../../platform/errors/app-error';
import type { Tx } from '../../platform/postgres/db';
import type { Patch, SettingChange } from '../../platform/settings/patch';
import { RuntimeSettings, type SavedSettings } from '../../platform/settings/runtime-settings';
import type { Settings } from '../../platform/settings/settings';
import { beginning } from '../../platform/text/cut';

/** Settings by which somebody could be let in, or shut out. */
const ABOUT_SECURITY = /^(?:access|audit|auth|outbound|rate_limits)\b/;
/** The action that mends settings, and that must stay within reach of whoever changes them. */
const MENDING = 'config.save';

/** What is asked for. */
type By = Pick<ActionContext, 'actor' | 'ip' | 'traceId'>;

/** Changes settings on behalf of an operator. */
@Injectable()
export class SettingsEditor {
  constructor(
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
    @Inject(SecurityEvents) private readonly security: SecurityEvents,
    @Inject(PayloadScrubber) private readonly scrubber: PayloadScrubber,
  ) {}

  /** The newest version, whether it is in force here already or not. */
  async newest(): Promise<Settings> {
    return (await this.settings.plan({}, { authorId: null })).settings;
  }

  /** What {@link save} would do now. @throws what that throws */
  plan(patch: Patch<Settings>, expectedVersion: number, by: By): Promise<SavedSettings> {
    return ofPayload(async () => {
      const author = { authorId: by.actor.userId, expectedVersion };
      return within(await this.settings.plan(patch, author), by);
    });
  }

  /**
   * Saves a new version within the caller's transaction; {@link announce} follows its commit.
   *
   * @throws AppError VALIDATION_ERROR, CONFIG_VERSION_CONFLICT
   */
  save(
    patch: Patch<Settings>,
    expectedVersion: number,
    comment: string | undefined,
    by: By,
    tx: Tx,
  ): Promise<SavedSettings> {
    return ofPayload(async () => {
      // As a reason: it is kept for good, and people put into it what they should not.
      const author = {
        authorId: by.actor.userId,
        comment: this.scrubber.text(comment) ?? undefined,
        expectedVersion,
      };
      return within(await this.settings.update(patch, author, tx), by);
    });
  }

  /** Applies a saved version everywhere, and tells those in charge of security if it concerns them. */
  async announce(saved: { version: number; changes: readonly SettingChange[] }, by: By): Promise<void> {
    await this.settings.announce(saved.version);
    const paths = saved.changes.map(({ path }) => path).filter((path) => ABOUT_SECURITY.test(path));
    if (paths.length === 0) return;
    await this.security.record({
      kind: 'access_settings_changed',
      message: beginning(`Version ${saved.version} of the settings changed ${paths.join(', ')}.`, 500),
      userId: by.actor.userId,
      origin: { traceId: by.traceId, ip: by.ip, userAgent: null },
    });
  }
}

/** Nobody may saw off the branch that they sit on: from elsewhere there might be nobody to mend it. */
function within(planned: SavedSettings, by: By): SavedSettings {
  const { allowed, rule } = decideAddress(planned.settings.access.action_networks, MENDING, by.ip);
  if (allowed) return planned;
  throw new AppError('VALIDATION_ERROR', 'The settings would shut you out.', {
    details: [
      {
        path: 'settings.access.action_networks',
        message: `would not let you run ${MENDING} from your address any more: ${rule}`,
      },
    ],
  });
}

/** Names what is wrong where the caller has it: in the payload. */
async function ofPayload<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof AppError) || !error.details) throw error;
    const details = error.details.map((detail) => ({ ...detail, path: `payload.${detail.path}` }));
    throw new AppError(error.code, error.message, { details, cause: error });
  }
}
