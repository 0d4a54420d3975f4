import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { Db } from '../../platform/postgres/db';
import { firstIdOf } from '../../platform/postgres/uuid-time';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/** Sessions that one statement removes. */
const BATCH = 500;
const DAY_MS = 86_400_000;

/**
 * Removes sessions with their refresh tokens, once it is so long as the settings say since they were revoked, were
 * over, or had been idle for too long. Until then a token that is handed in again is known for what it is; what is
 * removed after that could not be used, and a token that is not known is refused as well.
 *
 * What has ended before then began before then, so this walks along the primary key; each batch is a statement of its
 * own, and passes over sessions that somebody is using.
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
    const before = new Date(Date.now() - this.settings.current().auth.keep_sessions_days * DAY_MS);
    let removed = 0;
    for (let batch = BATCH; batch === BATCH && !signal.aborted; removed += batch)
      batch = await this.db.execute(
        `DELETE FROM sessions WHERE id IN (
           SELECT id FROM sessions s
            WHERE id < $1
              AND (revoked_at < $2 OR expires_at < $2 OR NOT EXISTS (
                SELECT FROM refresh_tokens t WHERE t.session_id = s.id AND t.expires_at >= $2))
            ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED)`,
        [firstIdOf(before), before, BATCH],
      );
    return { items: removed };
  }
}
