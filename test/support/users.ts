import { v7 as uuidv7 } from 'uuid';
import { hashPassword } from '../../src/platform/security/passwords';
import type { Role } from '../../src/platform/security/roles';
import type { HttpClient } from './http-client';

/** Anything that runs SQL: the test's own connection, or the product's `Db`. */
export interface Sql {
  query<T = Record<string, unknown>>(sql: string, params?: unknown[]): Promise<T[]>;
}

/** A person of the test, with the password in clear. */
export interface TestUser {
  id: string;
  email: string;
  password: string;
  role: Role;
}

/** What signing in answers. */
export interface Tokens {
  access_token: string;
  refresh_token: string;
  expires_in: number;
  user: { id: string; email: string; role: Role };
}

const PASSWORD = 'correct horse battery staple';
let passwordHash: Promise<string> | undefined;

/** Creates a user. All have the same password, hashed once (hashing is slow on purpose). */
export async function makeUser(sql: Sql, role: Role = 'user'): Promise<TestUser> {
  passwordHash ??= hashPassword(PASSWORD);
  const id = uuidv7();
  const email = `${role}-${id}@example.test`;
  await sql.query('INSERT INTO users (id, email, password_hash, role) VALUES ($1, $2, $3, $4)', [
    id,
    email,
    await passwordHash,
    role,
  ]);
  return { id, email, password: PASSWORD, role };
}

/** Signs in over HTTP. @throws if the API refuses */
export async function signIn(http: HttpClient, user: Pick<TestUser, 'email' | 'password'>): Promise<Tokens> {
  const answer = await http.post<Tokens>('/api/auth/login', { email: user.email, password: user.password });
  return answer.data;
}

/** Limits that a test does not run into, and small chunks, so that a small file has several. */
export const TEST_SETTINGS = {
  uploads: { chunk_bytes: 262_144 },
  rate_limits: {
    actions_per_minute: 100_000,
    risk_read_per_minute: 100_000,
    risk_standard_per_minute: 100_000,
    risk_high_per_minute: 100_000,
    risk_critical_per_minute: 100_000,
    system_per_minute: 100_000,
    user_per_minute: 100_000,
    admin_read_per_minute: 100_000,
    public_per_minute: 100_000,
  },
};

/** Saves {@link TEST_SETTINGS} as the next version, as another process would. */
export async function saveSettings(sql: Sql, settings: object = TEST_SETTINGS): Promise<void> {
  await sql.query(
    `INSERT INTO settings_versions (version, settings, comment)
     SELECT coalesce(max(version), 0) + 1, $1, 'for tests' FROM settings_versions`,
    [JSON.stringify(settings)],
  );
}
