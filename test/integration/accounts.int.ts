import { verifyPassword } from '../../src/platform/security/passwords';
import type { Role } from '../../src/platform/security/roles';
import type { Answer, HttpClient } from '../support/http-client';
import { tablesWith } from '../support/canary';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';
import { newKey } from '../support/pipeline';
import { TEST_SETTINGS, type TestUser, type Tokens } from '../support/users';
import { WsClient } from '../support/ws-client';

let installation: TestInstallation;
let admin: HttpClient;
let adminId: string;

beforeAll(async () => {
  installation = await startInstallation({
    variables: { TRUSTED_PROXIES: '127.0.0.1' },
    settings: { ...TEST_SETTINGS, auth: { lockout_s: 600 } },
  });
  const { user, client } = await installation.user('admin');
  [admin, adminId] = [client, user.id];
});
afterAll(() => installation?.close());

const act = <T>(action: string, payload: object, client = admin, options?: object): Promise<Answer<T>> =>
  client.action<T>(action, payload, { headers: newKey(), ...(options ? { options } : {}) });
const login = (user: Pick<TestUser, 'email' | 'password'>, from = '198.51.100.1', api = 0) =>
  installation
    .http(api)
    .post<Tokens>(
      '/api/auth/login',
      { email: user.email, password: user.password },
      { 'x-forwarded-for': from },
    );
const within = (check: () => void | Promise<void>) => eventually(check, { timeoutMs: 5_000, intervalMs: 20 });
const alertsOf = (userId: string) =>
  installation.database.query<{ error_code: string; actor_id: string; count: number }>(
    `SELECT error_code, actor_id, count FROM audit_entries
      WHERE phase = 'security' AND (actor_id = $1 OR detail ->> 'user_id' = $1::text) ORDER BY seq`,
    [userId],
  );

/** Somebody with a client at each process and a socket on each that follows a topic of the admin side. */
async function present(role: Role) {
  const { user, client, refreshToken } = await installation.user(role);
  const sockets = await Promise.all(
    [0, 1].map((api) => WsClient.connect(installation.wsUrl(api), client.token ?? '')),
  );
  if (role !== 'user') for (const socket of sockets) await socket.subscribe('queues');
  const statuses = () =>
    Promise.all(
      [0, 1].map(async (api) => (await installation.at(client, api).get('/api/admin/action/status')).status),
    );
  return { user, client, refreshToken, sockets, statuses };
}

describe('config.add_user', () => {
  it('makes somebody who can sign in, under whatever form of the address', async () => {
    const password = 'a long enough password';
    const added = await act<{ user_id: string }>('config.add_user', {
      email: 'New.Person@Example.test',
      role: 'operator',
      password,
    });
    expect(added.data).toEqual({
      user_id: expect.any(String) as string,
      role: 'operator',
      can_sign_in: true,
    });
    const tokens = (await login({ email: 'new.person@EXAMPLE.test', password }, undefined, 1)).data;
    expect(tokens.user).toEqual({
      id: added.data.user_id,
      email: 'new.person@example.test',
      role: 'operator',
    });
    const [row] = await installation.database.query<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE id = $1',
      [added.data.user_id],
    );
    expect(row?.password_hash).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    for (const email of [
      'new.person@example.test',
      'NEW.PERSON@example.test',
      '\uff4eew.person@example.test',
    ]) {
      const again = await act('config.add_user', { email, role: 'admin', password });
      expect([409, 400]).toContain(again.status);
      expect(['USER_EXISTS', 'VALIDATION_ERROR']).toContain(again.body.error_code);
    }
    await eventually(async () =>
      expect(await alertsOf(added.data.user_id)).toEqual([
        { error_code: 'account_created', actor_id: adminId, count: 1 },
      ]),
    );
  });

  it('makes one of many who ask for the same at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 8 }, (_, i) =>
        act('config.add_user', { email: 'same@example.test', role: 'user' }, installation.at(admin, i % 2)),
      ),
    );
    expect(answers.map(({ status }) => status).sort()).toEqual([200, ...Array<number>(7).fill(409)]);
    expect(
      await installation.database.query(`SELECT FROM users WHERE email = 'same@example.test'`),
    ).toHaveLength(1);
  });

  it.each([
    [
      'a short password',
      { email: 'x@example.test', role: 'user', password: 'too short' },
      'payload.password',
    ],
    ['no role', { email: 'x@example.test' }, 'payload.role'],
    ['two roles', { email: 'x@example.test', role: ['user', 'admin'] }, 'payload.role'],
    ['a role in capitals', { email: 'x@example.test', role: 'ADMIN' }, 'payload.role'],
    ['no address', { email: 'somebody', role: 'user' }, 'payload.email'],
    [
      'a hash of its own',
      { email: 'x@example.test', role: 'user', password_hash: 'x' },
      'payload.password_hash',
    ],
  ])('refuses %s', async (_what, payload, path) => {
    const answer = await act('config.add_user', payload);
    expect(answer.status).toBe(400);
    expect(answer.body.details?.map((detail) => detail.path)).toContain(path);
  });
});

describe('a password', () => {
  it('stands nowhere: not in any table, nor in any answer', async () => {
    const canary = 'canary-7d1f-is-a-long-password';
    const email = 'canary@example.test';
    const payload = { email, role: 'user', password: canary };
    const preview = await act<{ preview_token: string }>('config.add_user', payload, admin, {
      dry_run: true,
    });
    const added = await act<{ user_id: string }>('config.add_user', payload, admin, {
      preview_token: preview.data.preview_token,
    });
    const { user_id } = added.data;
    const changed = await act('config.update_user', { user_id, password: `${canary} too` });
    const refused = await act('config.update_user', { user_id, password: canary, role: 'nobody' });
    for (const answer of [preview, added, changed, refused])
      expect(answer.bytes.toString()).not.toContain('canary-7d1f');
    expect((await login({ email, password: `${canary} too` })).status).toBe(200);
    expect(await tablesWith(installation.database, 'canary-7d1f')).toEqual([]);
    expect(await tablesWith(installation.database, 'canary@example.test')).toEqual(['users']);
  });
});

describe('config.update_user', () => {
  it('changes a role on open sessions and sockets of every process within a second', async () => {
    const { user, sockets, statuses } = await present('operator');
    expect(await statuses()).toEqual([200, 200]);
    const answer = await act(
      'config.update_user',
      { user_id: user.id, role: 'user' },
      installation.at(admin, 1),
    );
    expect(answer.data).toEqual({ user_id: user.id, role: 'user', enabled: true, ended_sessions: 0 });
    await within(async () => {
      expect(await statuses()).toEqual([403, 403]);
      expect(sockets.map(({ closed }) => closed?.code)).toEqual([4403, 4403]);
    });
    await eventually(async () =>
      expect(await alertsOf(user.id)).toEqual([{ error_code: 'role_changed', actor_id: adminId, count: 1 }]),
    );
  });

  it.each<[string, object, string]>([
    ['disabled', { enabled: false }, 'account_disabled'],
    ['given a new password', { password: 'another long password' }, 'password_set'],
  ])('ends sessions and sockets of who is %s', async (_what, change, alert) => {
    const { user, sockets, statuses, refreshToken } = await present('operator');
    expect(await statuses()).toEqual([200, 200]);
    const answer = await act('config.update_user', { user_id: user.id, ...change });
    expect(answer.data).toMatchObject({ ended_sessions: 1 });
    await within(async () => {
      expect(await statuses()).toEqual([401, 401]);
      expect(sockets.map(({ closed }) => closed?.code)).toEqual([4401, 4401]);
    });
    const refreshed = await installation.http(1).post('/api/auth/refresh', { refresh_token: refreshToken });
    expect(refreshed.status).toBe(401);
    expect((await login(user)).status).toBe(401);
    await eventually(async () =>
      expect((await alertsOf(user.id)).map((one) => one.error_code)).toContain(alert),
    );
  });

  it('lets who is enabled again sign in, without the sessions of before', async () => {
    const { user, client } = await installation.user('operator');
    await act('config.update_user', { user_id: user.id, enabled: false });
    await act('config.update_user', { user_id: user.id, enabled: true });
    expect((await login(user)).status).toBe(200);
    expect((await client.get('/api/admin/action/status')).status).toBe(401);
  });

  it('hashes a new password anew', async () => {
    const { user } = await installation.user('user');
    await act('config.update_user', { user_id: user.id, password: 'another long password' });
    const [row] = await installation.database.query<{ password_hash: string }>(
      'SELECT password_hash FROM users WHERE id = $1',
      [user.id],
    );
    expect(await verifyPassword(row?.password_hash ?? '', 'another long password')).toBe(true);
  });

  it('does not act on a preview that is out of date', async () => {
    const { user } = await installation.user('operator');
    const payload = { user_id: user.id, role: 'readonly' };
    const preview = await act<{ preview_token: string }>('config.update_user', payload, admin, {
      dry_run: true,
    });
    await act('config.update_user', { user_id: user.id, role: 'supervisor' });
    const late = await act('config.update_user', payload, admin, {
      preview_token: preview.data.preview_token,
    });
    expect([late.status, late.body.error_code]).toEqual([409, 'CONFLICT']);
    const [row] = await installation.database.query('SELECT role FROM users WHERE id = $1', [user.id]);
    expect(row).toEqual({ role: 'supervisor' });
  });

  it.each<Role>(['operator', 'supervisor', 'readonly', 'user'])(
    'cannot be used by a %s to rise',
    async (role) => {
      const { user, client } = await installation.user(role);
      const answers = [
        await act('config.update_user', { user_id: user.id, role: 'admin' }, client),
        await act('config.add_user', { email: `${role}-twin@example.test`, role: 'admin' }, client),
        await act(
          'config.save',
          { settings: { access: { role_grants: { [role]: ['*'] } } }, expected_version: 1 },
          client,
        ),
      ];
      expect(answers.map(({ status }) => status)).toEqual([403, 403, 403]);
      const [row] = await installation.database.query('SELECT role FROM users WHERE id = $1', [user.id]);
      expect(row).toEqual({ role });
    },
  );
});

describe('the last admin', () => {
  /** Leaves these two, and nobody else, able to administer the system. */
  async function onlyAdmins(...ids: string[]): Promise<void> {
    await installation.database.query(
      `UPDATE users SET enabled = false WHERE role = 'admin' AND NOT id = ANY($1)`,
      [ids],
    );
    await installation.database.query('UPDATE users SET enabled = true WHERE id = ANY($1)', [ids]);
  }
  const admins = async () =>
    (
      await installation.database.query<{ id: string }>(
        `SELECT id FROM users WHERE role = 'admin' AND enabled`,
      )
    ).map(({ id }) => id);

  it.each<[string, object]>([
    ['demoted', { role: 'operator' }],
    ['disabled', { enabled: false }],
    ['both', { role: 'user', enabled: false }],
  ])('cannot be %s, not even as a preview', async (_what, change) => {
    await onlyAdmins(adminId);
    for (const options of [{ dry_run: true }, undefined]) {
      const answer = await act('config.update_user', { user_id: adminId, ...change }, admin, options);
      expect([answer.status, answer.body.error_code]).toEqual([409, 'LAST_ADMIN']);
    }
    expect(await admins()).toEqual([adminId]);
  });

  it('is not made up for by one without a password, whom nobody can sign in as', async () => {
    await onlyAdmins(adminId);
    const email = 'bare.admin@example.test';
    const bare = (await act<{ user_id: string }>('config.add_user', { email, role: 'admin' })).data.user_id;
    for (const password of ['', 'there is no such account', 'a long enough password'])
      expect((await login({ email, password })).status).not.toBe(200);
    expect((await login({ email, password: 'a long enough password' })).status).toBe(401);
    for (const options of [{ dry_run: true }, undefined]) {
      const answer = await act('config.update_user', { user_id: adminId, enabled: false }, admin, options);
      expect([answer.status, answer.body.error_code]).toEqual([409, 'LAST_ADMIN']);
    }
    const password = 'a long enough password';
    expect((await act('config.update_user', { user_id: bare, password })).status).toBe(200);
    expect((await login({ email, password })).status).toBe(200);
    const preview = { dry_run: true };
    expect(
      (await act('config.update_user', { user_id: adminId, role: 'operator' }, admin, preview)).status,
    ).toBe(200);
    expect((await act('config.update_user', { user_id: bare, role: 'user' })).status).toBe(200);
  });

  it('is left when the last two demote or disable each other, at different processes, each time', async () => {
    for (let round = 0; round < 10; round++) {
      const { user, client } = await installation.user('admin');
      await onlyAdmins(adminId, user.id);
      const change = round % 2 ? { role: 'operator' } : { enabled: false };
      const answers = await Promise.all([
        act('config.update_user', { user_id: user.id, ...change }, admin),
        act('config.update_user', { user_id: adminId, ...change }, installation.at(client, 1)),
      ]);
      expect(answers.map(({ status }) => status).sort()[0]).toBe(200);
      expect(await admins()).toHaveLength(1);
      // For the next round: the sessions of whoever was disabled have ended.
      await installation.database.query(`UPDATE users SET role = 'admin', enabled = true WHERE id = $1`, [
        adminId,
      ]);
      await installation.database.query('UPDATE sessions SET revoked_at = NULL WHERE user_id = $1', [
        adminId,
      ]);
      await eventually(async () => expect((await admin.get('/api/admin/action/status')).status).toBe(200));
    }
  });
});

describe('a lock', () => {
  it('is told of once, whoever counts, bites at once in every process, and ends with config.unlock_user', async () => {
    const { user, client } = await installation.user('operator');
    const wrong = { email: user.email, password: 'wrong' };
    for (let i = 0; i < 5; i++) expect((await login(wrong, '203.0.113.5', i % 2)).status).toBe(401);
    for (const api of [0, 1, 0, 1]) {
      const locked = await login(user, '203.0.113.5', api);
      expect([locked.status, locked.body.error_code]).toEqual([429, 'ACCOUNT_LOCKED']);
      expect(Number(locked.headers.get('retry-after'))).toBeGreaterThan(500);
    }
    await eventually(async () =>
      expect(await alertsOf(user.id)).toEqual([
        { error_code: 'account_locked', actor_id: user.id, count: 1 },
      ]),
    );
    // Sessions that are open stay: an attacker must not be able to end them.
    expect((await client.get('/api/admin/action/status')).status).toBe(200);
    const { client: operator } = await installation.user('operator');
    const unlocked = await act('config.unlock_user', { user_id: user.id }, installation.at(operator, 1));
    expect(unlocked.data).toEqual({ user_id: user.id, locked_addresses: 1 });
    expect((await login(user, '203.0.113.5')).status).toBe(200);
    expect((await act('config.unlock_user', { user_id: user.id })).data).toEqual({
      user_id: user.id,
      locked_addresses: 0,
    });
    await eventually(async () =>
      expect((await alertsOf(user.id)).map((one) => one.error_code)).toEqual([
        'account_locked',
        'account_unlocked',
      ]),
    );
  });

  it('is told of once when many wrong passwords come at the same time', async () => {
    const { user } = await installation.user('user');
    const wrong = { email: user.email, password: 'wrong' };
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => login(wrong, '203.0.113.6', i % 2)),
    );
    let evaluated = answers.filter(({ status }) => status === 401).length;
    while (evaluated < 5) evaluated += (await login(wrong, '203.0.113.6')).status === 401 ? 1 : 0;
    expect((await login(user, '203.0.113.6')).status).toBe(429);
    await eventually(async () =>
      expect(await alertsOf(user.id)).toEqual([
        { error_code: 'account_locked', actor_id: user.id, count: 1 },
      ]),
    );
  });

  it('does not keep people out who come from elsewhere', async () => {
    const { user } = await installation.user('user');
    for (let i = 0; i < 6; i++) await login({ email: user.email, password: 'wrong' }, '203.0.113.7', i % 2);
    expect((await login(user, '203.0.113.7')).status).toBe(429);
    expect((await login(user, '198.51.100.9', 1)).status).toBe(200);
  });

  it('is one for a /64 of IPv6', async () => {
    const { user } = await installation.user('user');
    for (let i = 1; i <= 5; i++) await login({ email: user.email, password: 'wrong' }, `2001:db8:7:7::${i}`);
    expect((await login(user, '2001:db8:7:7::99')).status).toBe(429);
    expect((await login(user, '2001:db8:7:8::1')).status).toBe(200);
  });

  it('counts wrong passwords only: not spent refresh tokens, nor denials', async () => {
    const { user, client } = await installation.user('user');
    for (let i = 0; i < 6; i++) {
      await installation.http().post('/api/auth/refresh', { refresh_token: `not-a-token-of-anybody-${i}` });
      await act('queue.clear', { queue: 'inspector' }, client);
    }
    expect((await login(user, '127.0.0.1')).status).toBe(200);
  });
});

describe('config.list_users', () => {
  it('gives every account once, page by page, with its state', async () => {
    const { user, client } = await installation.user('readonly');
    for (let i = 0; i < 5; i++) await login({ email: user.email, password: 'wrong' }, '203.0.113.8');
    interface Page {
      users: {
        user_id: string;
        email: string;
        role: Role;
        open_sessions: number;
        locked_addresses: number;
      }[];
      next_cursor: string | null;
    }
    const seen: Page['users'] = [];
    let cursor: string | null | undefined;
    do {
      const page: Page = (
        await act<Page>('config.list_users', { limit: 7, ...(cursor ? { cursor } : {}) }, client)
      ).data;
      seen.push(...page.users);
      cursor = page.next_cursor;
    } while (cursor);
    const ids = await installation.database.query<{ id: string }>('SELECT id FROM users ORDER BY id DESC');
    expect(seen.map(({ user_id }) => user_id)).toEqual(ids.map(({ id }) => id));
    expect(seen.find(({ user_id }) => user_id === user.id)).toMatchObject({
      email: user.email,
      role: 'readonly',
      enabled: true,
      open_sessions: 1,
      locked_addresses: 1,
    });
    expect(JSON.stringify(seen)).not.toMatch(/argon2|password/);
  });
});
