import { isUUID } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { AUDIT_COLUMNS, AUDIT_RECORD, auditEntry } from '../pipeline/audit/audit-entry';
import type { Db, Tx } from '../platform/postgres/db';
import { isLastAdministrator } from '../platform/security/administrators';
import { NO_PASSWORD } from '../platform/security/passwords';
import { StartProblem } from './problem';

/** What was erased, and what of the person is left. */
export interface Erasure {
  readonly userId: string;
  /** Executions whose reason, answer and result were removed. */
  readonly executions: number;
  readonly sessions: number;
  /** Jobs and uploads that are still theirs: videos, titles and names of files. */
  readonly jobs: number;
  readonly uploads: number;
}

/**
 * Erases a person, in one transaction: destroys the key under which the audit keeps where they came from and what they
 * gave as reasons, and removes the address, password and sessions of their account, which stays, disabled, as what
 * their jobs and the audit refer to. Processes that are running know within a second that the account is gone, and
 * hold the key for a minute at most. Erasing somebody twice is harmless.
 *
 * @param who their id or e-mail address
 * @throws StartProblem if there is no such user, they are the last administrator, or something of theirs is running
 */
export function eraseUser(db: Db, who: string): Promise<Erasure> {
  return db.transaction(async (tx) => {
    const userId = await find(tx, who);
    await refuseLastAdmin(tx, userId);
    const [running] = await tx.query(
      `SELECT FROM executions WHERE actor_id = $1 AND status = 'running' LIMIT 1`,
      [userId],
    );
    if (running) throw new StartProblem('An action of theirs is still running; wait for it, or abort it.');
    await tx.execute(
      `UPDATE users SET email = 'erased-' || id || '@erased.invalid', password_hash = $2, enabled = false,
              auth_version = auth_version + 1, updated_at = now() WHERE id = $1`,
      [userId, NO_PASSWORD],
    );
    const sessions = await tx.execute('DELETE FROM sessions WHERE user_id = $1', [userId]);
    const executions = await tx.execute(
      `UPDATE executions SET payload = payload || '{"reason": null}', result = NULL, response_body = NULL,
              response_status = NULL, idempotency_key = NULL WHERE actor_id = $1`,
      [userId],
    );
    await tx.execute('UPDATE settings_versions SET comment = NULL WHERE author_id = $1', [userId]);
    await destroyKey(tx, userId);
    await record(tx, userId);
    return { userId, executions, sessions, ...(await leftOf(tx, userId)) };
  });
}

async function find(tx: Tx, who: string): Promise<string> {
  const condition = isUUID(who) ? 'id = $1' : 'lower(email) = lower($1)';
  const [user] = await tx.query<{ id: string }>(`SELECT id FROM users WHERE ${condition} FOR UPDATE`, [who]);
  if (!user) throw new StartProblem(`There is no user ${who}.`);
  return user.id;
}

async function refuseLastAdmin(tx: Tx, userId: string): Promise<void> {
  if (await isLastAdministrator(tx, userId, { lock: true }))
    throw new StartProblem('They are the last administrator; make another one first.');
}

/** Also where there was none yet: nothing is to be made for them any more. */
async function destroyKey(tx: Tx, userId: string): Promise<void> {
  await tx.execute(
    `INSERT INTO subject_keys (subject_id, wrapped, destroyed_at) VALUES ($1, NULL, now())
     ON CONFLICT (subject_id) DO UPDATE
       SET wrapped = NULL, destroyed_at = coalesce(subject_keys.destroyed_at, now())`,
    [userId],
  );
}

async function record(tx: Tx, userId: string): Promise<void> {
  const entry = auditEntry({
    phase: 'security',
    outcome: 'succeeded',
    error_code: 'account_erased',
    reason: 'An account was erased by an operator of the machine.',
    detail: { user_id: userId },
    trace_id: uuidv7(),
  });
  const columns = AUDIT_COLUMNS.join(', ');
  await tx.execute(
    `INSERT INTO audit_entries (${columns})
     SELECT ${columns} FROM jsonb_to_recordset($1::jsonb) AS entry (${AUDIT_RECORD})`,
    [JSON.stringify([entry])],
  );
}

async function leftOf(tx: Tx, userId: string): Promise<{ jobs: number; uploads: number }> {
  const [left] = await tx.query<{ jobs: number; uploads: number }>(
    `SELECT (SELECT count(*) FROM jobs WHERE user_id = $1) AS jobs,
            (SELECT count(*) FROM uploads WHERE user_id = $1) AS uploads`,
    [userId],
  );
  return left ?? { jobs: 0, uploads: 0 };
}
