import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import { CAN_ADMINISTER } from '../platform/security/administrators';
import { hashPassword } from '../platform/security/passwords';
import { StartProblem } from './problem';
import type { Credentials } from './settings';

/** The admin that was made, and whether the password is one that nobody has seen yet. */
export interface FirstAdmin extends Credentials {
  generated: boolean;
}

/** Held while looking and inserting, so that two launchers on one database make one admin. */
const LOCK = 7_265_011;

/**
 * Makes the first admin of a database that has none.
 *
 * @param password undefined: one is generated
 * @param keep is told before there is the admin: a password that nobody has kept would shut everybody out
 * @returns undefined if there is an admin already
 */
export async function ensureFirstAdmin(
  databaseUrl: string,
  email: string,
  password: string | undefined,
  keep: (admin: FirstAdmin) => void = () => undefined,
): Promise<FirstAdmin | undefined> {
  const client = new Client({ connectionString: databaseUrl, connectionTimeoutMillis: 10_000 });
  await client.connect();
  try {
    await client.query('BEGIN');
    await client.query('SELECT pg_advisory_xact_lock($1)', [LOCK]);
    const admins = await client.query(`SELECT FROM users WHERE ${CAN_ADMINISTER} LIMIT 1`);
    if (admins.rowCount) return undefined;
    const admin = {
      email,
      password: password ?? randomBytes(15).toString('base64url'),
      generated: !password,
    };
    const inserted = await client.query(
      `INSERT INTO users (id, email, password_hash, role) VALUES ($1, $2, $3, 'admin') ON CONFLICT DO NOTHING`,
      [uuidv7(), email, await hashPassword(admin.password)],
    );
    if (!inserted.rowCount) {
      throw new StartProblem(
        `There is no admin, and ${email} belongs to another user; set ADMIN_EMAIL to a new address.`,
      );
    }
    keep(admin);
    await client.query('COMMIT');
    return admin;
  } finally {
    await client.end();
  }
}
