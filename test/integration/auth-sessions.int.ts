import { createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { rm, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import { SignJWT } from 'jose';
import { Client } from 'pg';
import { addKey } from '../../src/platform/security/key-rotation';
import { pemFiles, SETTLE_MS, SigningKeys } from '../../src/platform/security/signing-keys';
import { ENV, type Env } from '../../src/platform/settings/env';
import { AuthSettings } from '../../src/platform/settings/settings';
import type { Answer, HttpClient } from '../support/http-client';
import { tablesWith } from '../support/canary';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';
import { makeUser, signIn, TEST_SETTINGS, type Tokens } from '../support/users';
import { WsClient } from '../support/ws-client';

let installation: TestInstallation;

beforeAll(async () => {
  const auth = { refresh_grace_s: 60, lockout_failures: 5, lockout_s: 600 };
  installation = await startInstallation({ settings: { ...TEST_SETTINGS, auth } });
});
afterAll(() => installation?.close());

const refresh = (refresh_token: string, api = 0): Promise<Answer<Tokens>> =>
  installation.http(api).post<Tokens>('/api/auth/refresh', { refresh_token });
const who = (token: string, api = 0) => installation.http(api).as(token).get('/api/jobs/history');
const login = (email: string, password: string, api = 0) =>
  installation.http(api).post<Tokens>('/api/auth/login', { email, password });
/** Lets the grace of all spent tokens of a user be over. */
const endGrace = (userId: string) =>
  installation.database.query(
    `UPDATE refresh_tokens SET used_at = now() - interval '61 seconds'
      WHERE used_at IS NOT NULL AND session_id IN (SELECT id FROM sessions WHERE user_id = $1)`,
    [userId],
  );

describe('a refresh token', () => {
  it('gives tokens that work, at any process', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const renewed = (await refresh(tokens.refresh_token, 1)).data;
    expect(renewed.refresh_token).not.toBe(tokens.refresh_token);
    expect((await who(renewed.access_token)).status).toBe(200);
  });

  it('begins a session whose client is on record without secrets, and at no great length', async () => {
    const { id, email, password } = await makeUser(installation.database);
    const agent = `curl/8 Bearer abcdefghijklmnopqrstuvwxyz0123456789 ${'x'.repeat(5_000)}`;
    await installation.http().post('/api/auth/login', { email, password }, { 'user-agent': agent });
    const [row] = await installation.database.query<{ user_agent: string }>(
      'SELECT user_agent FROM sessions WHERE user_id = $1',
      [id],
    );
    expect(row?.user_agent).toMatch(/^curl\/8 .*x{50}$/);
    expect(row?.user_agent).not.toContain('abcdefghij');
    expect(row?.user_agent.length).toBeLessThanOrEqual(500);
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
    await endGrace(tokens.user.id);
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
    expect((await refresh(renewed.refresh_token)).status).toBe(401);
    await eventually(async () => expect((await who(renewed.access_token, 1)).status).toBe(401), {
      timeoutMs: 5_000,
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
    const end = () =>
      installation.database.query('SELECT expires_at FROM sessions WHERE user_id = $1', [tokens.user.id]);
    const before = await end();
    const renewed = (await refresh(tokens.refresh_token)).data;
    expect(await end()).toEqual(before);
    await installation.database.query(`UPDATE sessions SET expires_at = now() WHERE user_id = $1`, [
      tokens.user.id,
    ]);
    expect((await refresh(renewed.refresh_token)).status).toBe(401);
    // Nor does what it was exchanged for outlive the session.
    for (const api of [0, 1])
      await eventually(async () => expect((await who(renewed.access_token, api)).status).toBe(401), {
        timeoutMs: 5_000,
      });
  });

  it('is not good any more when its session was idle for too long', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    const { session_idle_s } = new AuthSettings();
    const [life] = await installation.database.query<{ left: number }>(
      `SELECT extract(epoch FROM t.expires_at - s.created_at)::int AS left
         FROM refresh_tokens t JOIN sessions s ON s.id = t.session_id WHERE s.user_id = $1`,
      [tokens.user.id],
    );
    expect(life?.left).toBe(session_idle_s);
    await installation.database.query(
      `UPDATE refresh_tokens SET expires_at = now() WHERE session_id IN (SELECT id FROM sessions WHERE user_id = $1)`,
      [tokens.user.id],
    );
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
  });

  it('does not outlive signing out, whichever of the two comes first', async () => {
    for (let round = 0; round < 10; round++) {
      const tokens = await signIn(installation.http(), await makeUser(installation.database));
      const client = installation.http(round % 2).as(tokens.access_token);
      const [rotated] = await Promise.all([
        refresh(tokens.refresh_token, (round + 1) % 2),
        client.post('/api/auth/logout'),
      ]);
      expect([200, 401]).toContain(rotated.status);
      if (rotated.status !== 200) continue;
      expect((await refresh(rotated.data.refresh_token)).status).toBe(401);
      await eventually(async () => expect((await who(rotated.data.access_token, 1)).status).toBe(401), {
        timeoutMs: 5_000,
      });
    }
  });

  it('is stored nowhere, nor is the access token', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    await installation
      .http()
      .as(tokens.access_token)
      .action('nothing.at_all', { token: tokens.refresh_token });
    const renewed = (await refresh(tokens.refresh_token)).data;
    for (const token of [tokens, renewed].flatMap((one) => [one.refresh_token, one.access_token]))
      expect(await tablesWith(installation.database, token)).toEqual([]);
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
      timeoutMs: 5_000,
    });
  });

  it('is refused at every process after signing out', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database));
    await who(tokens.access_token, 1);
    expect((await installation.http().as(tokens.access_token).post('/api/auth/logout')).status).toBe(200);
    await eventually(async () => expect((await who(tokens.access_token, 1)).status).toBe(401), {
      timeoutMs: 5_000,
    });
    expect((await refresh(tokens.refresh_token)).status).toBe(401);
  });

  it('has the role that Postgres says, from one second to the next', async () => {
    const tokens = await signIn(installation.http(), await makeUser(installation.database, 'admin'));
    const status = async () =>
      (await installation.http(1).as(tokens.access_token).get('/api/admin/action/status')).status;
    expect(await status()).toBe(200);
    await installation.database.query(`UPDATE users SET role = 'user' WHERE id = $1`, [tokens.user.id]);
    await eventually(async () => expect(await status()).toBe(403), { timeoutMs: 5_000 });
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
    /** A token made of whatever text, with a signature that is good. */
    const signedText = (headerText: string, claimsText: string): string => {
      const text = [headerText, claimsText].map((part) => Buffer.from(part).toString('base64url')).join('.');
      const { privateKey } = installation.get(SigningKeys).signing();
      return `${text}.${sign(null, Buffer.from(text), privateKey).toString('base64url')}`;
    };
    /** Signed symmetrically with what everybody may know: the public key. */
    const byPublicKey = (alg: string, bits: number): string => {
      const pem = installation.get(SigningKeys).signing().publicKey.export({ type: 'spki', format: 'pem' });
      const text = `${encode({ ...header, alg })}.${encode(claims)}`;
      return `${text}.${createHmac(`sha${bits}`, pem).update(text).digest('base64url')}`;
    };
    const without = (name: string) => signed({}, { [name]: undefined });

    it('is accepted when it was not', async () => {
      expect((await who(await signed({}, {}))).status).toBe(200);
      expect((await who(signedText(JSON.stringify(header), JSON.stringify(claims)))).status).toBe(200);
    });

    it.each<[string, () => string | Promise<string>]>([
      ...['none', 'None', 'nOnE', 'NONE', ''].flatMap((alg): [string, () => string][] => [
        [`the algorithm "${alg}"`, () => `${encode({ ...header, alg })}.${encode(claims)}.`],
        [
          `the algorithm "${alg}" and a signature`,
          () => `${encode({ ...header, alg })}.${encode(claims)}.${good.split('.')[2]}`,
        ],
      ]),
      ['HS256 with the public key', () => byPublicKey('HS256', 256)],
      ['HS512 with the public key', () => byPublicKey('HS512', 512)],
      [
        'another algorithm in name',
        () => signedText(JSON.stringify({ ...header, alg: 'ES256' }), JSON.stringify(claims)),
      ],
      ...['jwk', 'jku', 'x5u', 'x5c'].map((name): [string, () => Promise<string>] => [
        `a key of its own (${name})`,
        () => {
          const { privateKey, publicKey } = generateKeyPairSync('ed25519');
          const jwk = publicKey.export({ format: 'jwk' });
          const value = {
            jwk,
            jku: 'https://evil.example/jwks',
            x5u: 'https://evil.example/x',
            x5c: ['AAAA'],
          }[name];
          return new SignJWT(claims)
            .setProtectedHeader({ ...header, alg: 'EdDSA', [name]: value })
            .sign(privateKey);
        },
      ]),
      ['another signer', () => signed({}, {}, false)],
      ['a path for a kid', () => signed({ kid: '../../dev/null' }, {})],
      ['SQL for a kid', () => signed({ kid: "' OR 1=1 --" }, {})],
      ['a kid that does not exist', () => signed({ kid: 'AAAAAAAAAAAAAAAA' }, {})],
      [
        'a list for a kid',
        () => signedText(JSON.stringify({ ...header, kid: [header['kid']] }), JSON.stringify(claims)),
      ],
      ['no kid', () => signed({ kid: undefined }, {})],
      [
        'an extension that must be understood',
        () => signedText(JSON.stringify({ ...header, crit: ['exp'], exp: 1 }), JSON.stringify(claims)),
      ],
      [
        'a claim twice',
        () => signedText(JSON.stringify(header), JSON.stringify(claims).replace('{', '{"sub":"x",')),
      ],
      ['another type', () => signed({ typ: 'JWT' }, {})],
      ['another issuer', () => signed({}, { iss: 'somebody' })],
      ['another audience', () => signed({}, { aud: 'another' })],
      ['no issuer', () => without('iss')],
      ['no audience', () => without('aud')],
      ['no type', () => signed({ typ: undefined }, {})],
      ['no beginning', () => without('iat')],
      ['no end', () => without('exp')],
      ['an end that is a text', () => signed({}, { exp: String(claims['exp']) })],
      [
        'an end that never comes',
        () => signedText(JSON.stringify(header), JSON.stringify(claims).replace(/"exp":\d+/, '"exp":1e99')),
      ],
      ['an end that is too far away', () => signed({}, { exp: Number(claims['exp']) + 3_600 })],
      ['an end that is null', () => signed({}, { exp: null })],
      ['no session', () => without('sid')],
      ['an end in the past', () => signed({}, { exp: 1 })],
      ['a start in the future', () => signed({}, { nbf: 9_999_999_999 })],
      ['another user', () => signed({}, { sub: '01890a5d-ac96-774b-bcce-b302099a8057' })],
      [
        'a changed payload',
        () => `${good.split('.')[0]}.${encode({ ...claims, sub: 'x' })}.${good.split('.')[2]}`,
      ],
      ['a dot too many', () => `${good}.`],
      ['7 KB', () => `${good}${'a'.repeat(7_000)}`],
      ['padding', () => `${good}==`],
      [
        'another alphabet',
        () => good.replace(/\.([^.]*)$/, (_all, signature: string) => `.+/${signature.slice(2)}`),
      ],
      ['a space', () => `${good.slice(0, 20)} ${good.slice(20)}`],
    ])('is refused: %s', async (_what, make) => {
      const answer = await who(await make());
      expect([answer.status, answer.body.error_code]).toEqual([401, 'UNAUTHORIZED']);
    });
  });

  it('of 100 KB does not get as far as being looked at', async () => {
    const answer = await who('a'.repeat(100_000)).catch(() => undefined);
    expect([431, undefined]).toContain(answer?.status);
  });

  it('says nothing about a role: Postgres does', async () => {
    const { access_token } = await signIn(installation.http(), await makeUser(installation.database, 'user'));
    const [header, claims] = access_token
      .split('.')
      .slice(0, 2)
      .map((part) => JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>);
    const forged = await new SignJWT({ ...claims, role: 'admin', roles: ['admin'] })
      .setProtectedHeader({ alg: 'EdDSA', ...header })
      .sign(installation.get(SigningKeys).signing().privateKey);
    expect((await who(forged)).status).toBe(200);
    const asAdmin = await installation.http().as(forged).get('/api/admin/action/status');
    expect(asAdmin.status).toBe(403);
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

  it('ends with its key at once, and so do the sockets that it has opened, by a ticket as well', async () => {
    const { keysDir } = installation.get<Env>(ENV as never);
    const user = await makeUser(installation.database, 'readonly');
    const tokens = await signIn(installation.http(), user);
    const client = installation.http().as(tokens.access_token);
    const ticketOf = async (one: HttpClient): Promise<string> =>
      (await one.action<{ ticket: string }>('logs.stream_realtime', {})).data.ticket;
    const byTicket = async (ticket: string, api: number): Promise<WsClient> => {
      const socket = await WsClient.open(installation.wsUrl(api));
      socket.send({ type: 'auth', ticket });
      return socket;
    };
    const open = [
      await WsClient.connect(installation.wsUrl(0), tokens.access_token),
      await byTicket(await ticketOf(client), 1),
    ];
    const spare = await ticketOf(client);
    await open[1]?.waitFor(({ type }) => type === 'ready');

    const [old] = await pemFiles(keysDir);
    const { name, kid } = await addKey(keysDir);
    const settled = new Date(Date.now() - 2 * SETTLE_MS);
    await utimes(join(keysDir, name), settled, settled);
    for (const api of [0, 1])
      await eventually(() => expect(installation.get(SigningKeys, api).signing().kid).toBe(kid));
    const { access_token } = (await refresh(tokens.refresh_token)).data;
    const fresh = await WsClient.connect(installation.wsUrl(1), access_token);
    expect(open.map(({ closed }) => closed)).toEqual([undefined, undefined]);

    await rm(join(keysDir, old ?? ''));
    await eventually(() => expect(open.map(({ closed }) => closed?.code)).toEqual([4401, 4401]), {
      timeoutMs: 5_000,
    });
    const late = await byTicket(spare, 0);
    await eventually(() => expect(late.closed?.code).toBe(4401));
    expect(late.frames.map(({ type }) => type)).toEqual(['error']);
    for (const api of [0, 1]) {
      expect((await who(tokens.access_token, api)).status).toBe(401);
      expect((await who(access_token, api)).status).toBe(200);
    }
    expect(fresh.closed).toBeUndefined();
    await fresh.close();
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
    expect(retryAfter).toBeGreaterThan(500);
    expect(retryAfter).toBeLessThanOrEqual(600);
    // The lock is what ends by then, and nothing else: it is over when what was counted is.
    const { client, prefix } = installation.redis;
    for (const key of await client.keys(`${prefix}:lockout:*`))
      await client.pexpire(key, Math.max(1, (await client.pttl(key)) - retryAfter * 1_000));
    await eventually(async () => expect(await client.keys(`${prefix}:lockout:failures:*`)).toEqual([]));
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

  it('answers the same for accounts that do not exist, or are disabled', async () => {
    const user = await makeUser(installation.database);
    const disabled = await makeUser(installation.database);
    await installation.database.query('UPDATE users SET enabled = false WHERE id = $1', [disabled.id]);
    const strip = ({ status, body }: Answer) => ({ status, error: body.error, code: body.error_code });
    const answers = { known: [] as unknown[], unknown: [] as unknown[], disabled: [] as unknown[] };
    for (let i = 0; i < 6; i++) {
      answers.known.push(strip(await login(user.email, 'wrong')));
      answers.unknown.push(strip(await login(`nobody-${user.email}`, 'wrong')));
      answers.disabled.push(strip(await login(disabled.email, disabled.password)));
    }
    expect(answers.unknown).toEqual(answers.known);
    expect(answers.disabled).toEqual(answers.known);
  });

  it.each([
    ['gets another password', `password_hash = 'other'`],
    ['is disabled', 'enabled = false'],
  ])('begins no session while the account %s', async (_what, change) => {
    const { id, email, password } = await makeUser(installation.database);
    const admin = new Client({ connectionString: installation.database.ownerUrl });
    await admin.connect();
    try {
      await admin.query('BEGIN');
      await admin.query(`UPDATE users SET ${change} WHERE id = $1`, [id]);
      // What it read and verified is what was true before; it has to wait for what comes of the change.
      const signingIn = login(email, password);
      const waits = eventually(async () =>
        expect(
          await installation.database.query(
            `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          ),
        ).toHaveLength(1),
      );
      await Promise.race([signingIn, waits]);
      await admin.query('UPDATE sessions SET revoked_at = now() WHERE user_id = $1', [id]);
      await admin.query('COMMIT');
      const answer = await signingIn;
      expect([answer.status, answer.body.error_code]).toEqual([401, 'INVALID_CREDENTIALS']);
      expect(await installation.database.query('SELECT FROM sessions WHERE user_id = $1', [id])).toEqual([]);
    } finally {
      await admin.end();
    }
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
