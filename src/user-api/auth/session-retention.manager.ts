import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { removeEnded } from '../../platform/postgres/remove-ended';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/** Revoked, over, or idle for too long. */
const ENDED = `(revoked_at < $2 OR expires_at < $2 OR NOT EXISTS (
  SELECT FROM refresh_tokens t WHERE t.session_id = sessions.id AND t.expires_at >= $2))`;

/**
 * Removes sessions with their refresh tokens, once it is so long as the settings say since they were revoked, were
 * over, or had been idle for too long. Until then a token that is handed in again is known for what it is; what is
 * removed after that could not be used, and a token that is not known is refused as well.
 */
@ControlLoop()
export class SessionRetention implements Manager {
  readonly name = 'session-retention';
  readonly intervalMs = 300_000;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    const { keep_sessions_days: keepDays } = this.settings.current().auth;
    return { items: await removeEnded(this.db, { table: 'sessions', ended: ENDED, keepDays }, signal) };
  }
}
