import type { Tx } from '../postgres/db';
import { NO_PASSWORD } from './passwords';

/** SQL: whether a row of `users` is somebody who can administer the system. Without a password nobody can sign in. */
export const CAN_ADMINISTER = `role = 'admin' AND enabled AND password_hash <> '${NO_PASSWORD}'`;

/**
 * Whether nobody but this person can administer the system.
 *
 * @param lock for a change of that: all of them are held until the transaction ends, in the order of their ids, so that
 *   of two changes at once the second one finds only one left
 */
export async function isLastAdministrator(
  tx: Pick<Tx, 'query'>,
  userId: string,
  { lock = false } = {},
): Promise<boolean> {
  const admins = await tx.query<{ id: string }>(
    `SELECT id FROM users WHERE ${CAN_ADMINISTER} ORDER BY id ${lock ? 'FOR UPDATE' : ''}`,
  );
  return admins.length === 1 && admins[0]?.id === userId;
}
