import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { SigningKeys } from '../../src/platform/security/signing-keys';
import type { Answer } from '../support/http-client';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';
import { makeUser, signIn, TEST_SETTINGS, type Tokens } from '../support/users';

let installation: TestInstallation;

beforeAll(async () => {
  const auth = { refresh_grace_s: 2, lockout_failures: 5, lockout_s: 3 };
  installation = await startInstallation({ settings: { ...TEST_SETTINGS, auth } });
}, 60_000);
afterAll(() => installation?.close());

const refresh = (refresh_token: string, api = 0): Promise<Answer<Tokens>> =>
  installation.http(api).post<Tokens>('/api/auth/refresh', { refresh_token });
const who = (token: string, api = 0) => installation.http(api).as(token).get('/api/jobs/history');
const login = (email: string, password: string, api = 0) =>
  installation.http(api).post<Tokens>('/api/auth/login', { email, password });
const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('a refresh token', () => {
  it('gives tokens that work, at any process', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const renewed = (await refresh(tokens.refresh_token, 1)).data;
    expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
    expect((await who(renewed.access_token)).status).toBe(200);
  });

  it('gives the same successor to all who ask at once, and within the grace', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => refresh(tokens.refresh_token, i % 2)),
    );
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => answer.data.refresh_token)).size).toBe(1);
    expect((await refresh(tokens.refresh_token)).status).toBe(200);
    const [rows] = await installation.database.query<{ n: number }>(
      'SELECT count(*) AS n FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE s.user_id = $1',
      [tokens.user.id],
    );
    expect(rows?.n).toBe(2);
  });

  it('ends its session when it is used again after the grace, and tells', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const renewed = (await refresh(tokens.refresh_token)).data;
    await sleep(2_100);
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
    expect((await refresh(renewed.refresh_token)).status).toBe(401);
    await eventually(async () => expect((await who(renewed.access_token, 1)).status).toBe(401), {
      timeoutMs: 1_000,
    });
    await eventually(async () =>
      expect(
        await installation.database.query(
          `SELECT FROM audit_entries WHERE phase = 'security' AND error_code = 'refresh_token_reused' AND actor_id = $1`,
          [tokens.user.id],
        ),
      ).toHaveLength(1),
    );
  });

  it('ends its session when its successor has been used already, even within the grace', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const second = (await refresh(tokens.refresh_token)).data;
    const third = (await refresh(second.refresh_token)).data;
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
    expect((await refresh(third.refresh_token)).status).toBe(401);
  });

  it('is not renewed for ever', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const renewed = (await refresh(tokens.refresh_token)).data;
    await installation.database.query(`UPDATE sessions SET expires_at = now() WHERE user_id = $1`, [
      tokens.user.id,
    ]);
    expect((await refresh(renewed.refresh_token)).status).toBe(401);
  });

  it('is stored nowhere', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const [row] = await installation.database.query<{ found: boolean }>(
      `SELECT bool_or(t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%') AS found FROM refresh_tokens t`,
      [tokens.refresh_token, Buffer.from(tokens.refresh_token).toString('hex')],
    );
    expect(row?.found).toBe(false);
  });

  it('is no access token, nor the other way round', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    expect((await who(tokens.refresh_token)).status).toBe(401);
    expect((await refresh(tokens.access_token)).status).toBeGreaterThanOrEqual(400);
  });
});

describe('an access token', () => {
  it.each([
    ['the account is disabled', 'UPDATE users SET enabled = false WHERE id = $1'],
    ['the session is revoked', 'UPDATE sessions SET revoked_at = now() WHERE user_id = $1'],
  ])('is refused within a second when %s, without any message', async (_what, sql) => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    expect((await who(tokens.access_token, 1)).status).toBe(200);
    await installation.database.query(sql, [tokens.user.id]);
    await eventually(async () => expect((await who(tokens.access_token, 1)).status).toBe(401), {
      timeoutMs: 1_100,
    });
  });

  it('is refused at every process after signing out', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    await who(tokens.access_token, 1);
    expect((await installation.http().as(tokens.access_token).post('/api/auth/logout')).status).toBe(200);
    await eventually(async () => expect((await who(tokens.access_token, 1)).status).toBe(401), {
      timeoutMs: 1_000,
    });
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
  });

  it('has the role that Postgres says, from one second to the next', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database, 'admin'));
    const status = async () =>
      (await installation.http(1).as(tokens.access_token).get('/api/admin/action/status')).status;
    expect(await status()).toBe(200);
    await installation.database.query(`UPDATE users SET role = 'user' WHERE id = $1`, [tokens.user.id]);
    await eventually(async () => expect(await status()).toBe(403), { timeoutMs: 1_100 });
  });

  describe('that was tampered with', () => {
    const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    let good: string;
    let claims: Record<string, unknown>;
    let header: Record<string, unknown>;

    beforeAll(async () => {
      good = (await signIn(installation.http(), await makeUser(installation.database))).access_token;
      [header, claims] = good
        .split('.')
        .slice(0, 2)
        .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>) as [
        Record<string, unknown>,
        Record<string, unknown>,
      ];
    });

    const signed = async (overHeader: object, overClaims: object, own = true): Promise<string> => {
      const key = own
        ? installation.get(SigningKeys).signing().privateKey
        : generateKeyPairSync('ed25519').privateKey;
      return new SignJWT({ ...claims, ...overClaims })
        .setProtectedHeader({ alg: 'EdDSA', ...header, ...overHeader })
        .sign(key);
    };
    const without = (name: string) => signed({}, { [name]: undefined });

    it('is accepted when it was not', async () => {
      expect((await who(await signed({}, {}))).status).toBe(200);
    });

    it.each<[string, () => string | Promise<string>]>([
      ['no algorithm', () => `${encode({ ...header, alg: 'none' })}.${encode(claims)}.`],
      ['another signer', () => signed({}, {}, false)],
      ['an unknown kid', () => signed({ kid: '../../dev/null' }, {})],
      ['another type', () => signed({ typ: 'JWT' }, {})],
      ['another issuer', () => signed({}, { iss: 'somebody' })],
      ['another audience', () => signed({}, { aud: 'another' })],
      ['no end', () => without('exp')],
      ['no session', () => without('sid')],
      ['an end in the past', () => signed({}, { exp: 1 })],
      ['a start in the future', () => signed({}, { nbf: 9_999_999_999 })],
      ['another user', () => signed({}, { sub: '01890a5d-ac96-774b-bcce-b302099a8057' })],
      [
        'a changed payload',
        () => `${good.split('.')[0]}.${encode({ ...claims, sub: 'x' })}.${good.split('.')[2]}`,
      ],
      ['a dot too many', () => `${good}.`],
      ['100 KB', () => `${good}${'a'.repeat(7_000)}`],
    ])('is refused: %s', async (_what, make) => {
      const answer = await who(await make());
      expect([answer.status, answer.body.error_code]).toEqual([401, 'UNAUTHORIZED']);
    });
  });

  it('that is not good any more leaves a trace on the admin side, with whose it was', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database, 'operator'));
    const client = installation.http().as(tokens.access_token);
    await client.post('/api/auth/logout');
    const answer = await client.action('queue.pause', { queue: 'inspector' });
    expect(answer.status).toBe(401);
    await eventually(async () =>
      expect(
        await installation.database.query(
          'SELECT phase, status, actor_id FROM audit_entries WHERE trace_id = $1',
          [answer.body.trace_id],
        ),
      ).toEqual([{ phase: 'denial', status: 401, actor_id: tokens.user.id }]),
    );
  });

  it('counts in the header only', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    expect(
      (await installation.http().get(`/api/jobs/history?access_token=${tokens.access_token}`)).status,
    ).toBe(401);
  });
});

describe('signing in', () => {
  it('is refused from the sixth try on, over both processes, with the right password, too', async () => {
    const user = await makeUser(installation.database);
    for (let i = 0; i < 5; i++) expect((await login(user.email, 'wrong', i % 2)).status).toBe(401);
    const locked = await login(user.email, user.password, 1);
    expect([locked.status, locked.body.error_code]).toEqual([429, 'ACCOUNT_LOCKED']);
    const retryAfter = Number(locked.headers.get('retry-after'));
    expect(retryAfter).toBeGreaterThan(0);
    await sleep(retryAfter * 1_000);
    expect((await login(user.email, user.password)).status).toBe(200);
    await eventually(async () =>
      expect(
        await installation.database.query(
          `SELECT FROM audit_entries WHERE error_code = 'account_locked' AND actor_id = $1`,
          [user.id],
        ),
      ).toHaveLength(1),
    );
  });

  it('evaluates no more than five of twenty parallel guesses', async () => {
    const user = await makeUser(installation.database);
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) => login(user.email, 'wrong', i % 2)),
    );
    expect(answers.filter((answer) => answer.status === 401).length).toBeLessThanOrEqual(5);
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([401, 429]));
  });

  it('forgets wrong passwords after a right one', async () => {
    const user = await makeUser(installation.database);
    for (let round = 0; round < 2; round++) {
      for (let i = 0; i < 4; i++) expect((await login(user.email, 'wrong')).status).toBe(401);
      expect((await login(user.email, user.password)).status).toBe(200);
    }
  });

  it('answers the same for accounts that do not exist', async () => {
    const user = await makeUser(installation.database);
    const strip = ({ status, body }: Answer) => ({ status, error: body.error, code: body.error_code });
    const known: unknown[] = [];
    const unknown: unknown[] = [];
    for (let i = 0; i < 6; i++) {
      known.push(strip(await login(user.email, 'wrong')));
      unknown.push(strip(await login(`nobody-${user.email}`, 'wrong')));
    }
    expect(unknown).toEqual(known);
  });

  it.each([
    ['no password', { email: 'a@example.test' }],
    ['no address', { email: 'nobody', password: 'x' }],
    ['a field too many', { email: 'a@example.test', password: 'x', role: 'admin' }],
    ['an object', { email: { $ne: 1 }, password: { $ne: 1 } }],
  ])('refuses %s', async (_what, body) => {
    const answer = await installation.http().post('/api/auth/login', body);
    expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
  });
});
