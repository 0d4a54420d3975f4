import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { belongingsOf, type Belongings } from '../fuzz/belongings';
import type { ApiDocument, Operation } from '../fuzz/document';
import { Faults, Fuzzer } from '../fuzz/fuzzer';
import { RawClient, type RawAnswer } from '../fuzz/http';
import { INJECTIONS, NAUGHTY } from '../fuzz/injections';
import type { FuzzRequest } from '../fuzz/requests';
import { restoreSettings } from '../fuzz/restore';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { makeUser, signIn, type TestUser } from '../support/users';
import { readableAuditOf } from '../support/pipeline';

/** Attacks on the HTTP API by what is in valid requests: whatever is sent, no server error, no leak, and no effect that was not asked for. */

/** What must not change, whoever tries what: accounts, and what belongs to somebody else. */
const OWNED = ['jobs', 'uploads', 'clips', 'artifacts'];
const SEED = 20_261_125;
/** As long as it may be by its characters, with half of a pair at the 500th of its UTF-16 units. */
const LONG_REASON = `a${'\u{1f600}'.repeat(499)}`;

let installation: TestInstallation;
let client: RawClient;
let fuzzer: Fuzzer;
let admin: HttpClient;
let mallory: HttpClient;
let victim: { user: TestUser; client: HttpClient };
let belongings: Belongings;

beforeAll(async () => {
  installation = await startInstallation({ apis: 1 });
  admin = (await installation.user('admin')).client;
  mallory = (await installation.user('user')).client;
  victim = await installation.user('user');
  belongings = await belongingsOf(installation, victim.user, victim.client);
  client = new RawClient(admin.baseUrl);
  const document = await admin.get('/docs/openapi.json');
  fuzzer = new Fuzzer(JSON.parse(document.bytes.toString()) as ApiDocument, admin.baseUrl, SEED);
});
afterAll(async () => {
  client?.close();
  fuzzer?.close();
  await installation?.close();
});

/** A digest of all accounts and of everything that the victim owns. */
async function state(): Promise<unknown> {
  const digest = async (sql: string, ...params: unknown[]) =>
    (
      await installation.database.query(
        `SELECT md5(coalesce(string_agg(t::text, ',' ORDER BY t::text), '')) AS digest FROM (${sql}) t`,
        params,
      )
    )[0];
  return {
    users: await digest('SELECT id, email, role, password_hash, enabled FROM users'),
    ...Object.fromEntries(
      await Promise.all(
        OWNED.map(async (table) => [
          table,
          await digest(`SELECT * FROM ${table} WHERE user_id = $1`, victim.user.id),
        ]),
      ),
    ),
  };
}

describe('text', () => {
  it('that breaks careless software is taken and put on record', async () => {
    for (const reason of [...NAUGHTY, LONG_REASON]) {
      const answer = await admin.action('queue.resume', { queue: 'inspector' }, { options: { reason } });
      expect([reason, answer.status]).toEqual([reason, 200]);
      const [intent] = await readableAuditOf(installation, answer.body.trace_id, 2);
      expect(undisguised(intent?.reason ?? '')).toBe(undisguised(reason));
    }
  });

  it('that means something to SQL, Redis or a shell means nothing in any field', async () => {
    const marker = join(installation.redis.prefix, 'marker');
    const sentinel = `${installation.redis.prefix}:sentinel`;
    await installation.redis.client.set(sentinel, 'here');
    const before = await state();
    const faults = new Faults();
    for (const operation of fuzzer.operations) {
      const [valid] = fuzzer.valid(operation, 1) as [FuzzRequest];
      for (const request of injected(operation, valid, marker))
        faults.add(request, await fuzzer.send(request, { token: admin.token }));
      await restoreSettings(installation, operation);
    }
    faults.check(SEED);
    expect(await state()).toEqual(before);
    expect(await installation.redis.client.get(sentinel)).toBe('here');
    expect(existsSync(marker) || existsSync('MARKER')).toBe(false);
  });

  /** The request with each of the texts in each field and parameter that takes text, one at a time. */
  function* injected(operation: Operation, valid: FuzzRequest, marker: string): Generator<FuzzRequest> {
    const texts = INJECTIONS.map((text) => text.replace('MARKER', marker));
    for (const text of texts) {
      const broken = `with ${text}`;
      for (const { name, in: place } of operation.parameters) {
        if (place === 'path')
          yield { ...valid, path: { ...valid.path, [name]: encodeURIComponent(text) }, broken };
        if (place === 'query') yield { ...valid, query: [[name, encodeURIComponent(text)]], broken };
      }
      for (const field of textFields(valid.body))
        yield { ...valid, body: replaceText(valid.body, field, text), broken };
    }
  }

  it('that spells an e-mail address in another way is the same account, or none', async () => {
    const user = await makeUser(installation.database, 'user');
    const email = `k\u00e9vin-${user.id}@example.test`;
    await installation.database.query('UPDATE users SET email = $2 WHERE id = $1', [user.id, email]);
    const spellings = [
      email.toUpperCase(),
      email.normalize('NFD'),
      email.replace('k', '\u212a'),
      email.replace('i', '\uff49'),
      ` ${email} `,
    ];
    for (const spelling of spellings) {
      const answer = await installation
        .http()
        .post<{ user: { id: string } }>('/api/auth/login', { email: spelling, password: user.password });
      if (answer.status === 200) expect(answer.data.user.id).toBe(user.id);
      else expect([spelling, answer.status]).toEqual([spelling, 400]);
    }
    const guesses = await Promise.all(
      [...spellings.slice(0, 4), email, email, email].map((spelling) =>
        installation.http().post('/api/auth/login', { email: spelling, password: 'wrong' }),
      ),
    );
    expect(guesses.filter(({ status }) => status === 401).length).toBeLessThanOrEqual(5);
    const locked = await installation
      .http()
      .post('/api/auth/login', { email: email.toUpperCase(), password: user.password });
    expect(locked.body.error_code).toBe('ACCOUNT_LOCKED');
  });
});

describe('what belongs to somebody else', () => {
  it('cannot be told from what is not there, and stays as it is', async () => {
    const before = await state();
    const faults = new Faults();
    let tried = 0;
    for (const operation of fuzzer.operations.filter(({ needsToken }) => needsToken)) {
      for (const valid of fuzzer.valid(operation, 3)) {
        const theirs = swapped(valid, belongings);
        if (!theirs) break;
        tried++;
        const finding = await fuzzer.send(theirs, { token: mallory.token });
        const nothing = await fuzzer.send(swapped(valid, NOWHERE) as FuzzRequest, { token: mallory.token });
        const wrong = [
          ...([403, 404].includes(finding.answer.status) ? [] : [`answered with ${finding.answer.status}`]),
          ...(lasting(finding.answer) === lasting(nothing.answer)
            ? []
            : [`${lasting(finding.answer)} differs from ${lasting(nothing.answer)}`]),
        ];
        faults.add({ ...theirs, broken: "with somebody else's ids" }, finding, ...wrong);
      }
    }
    faults.check(SEED);
    expect(tried).toBeGreaterThan(20);
    expect(await state()).toEqual(before);
  });

  it('nor can one become more by fields that nobody asks for', async () => {
    const before = await state();
    const faults = new Faults();
    const extras = {
      role: 'admin',
      user_id: victim.user.id,
      status: 'completed',
      priority: 999,
      is_admin: true,
      id: victim.user.id,
      enabled: true,
    };
    for (const operation of fuzzer.operations.filter(({ body }) => body?.type === 'application/json')) {
      const [valid] = fuzzer.valid(operation, 1) as [FuzzRequest];
      for (const [name, value] of Object.entries(extras)) {
        if (operation.body?.schema.properties?.[name] !== undefined) continue;
        const request = {
          ...valid,
          body: { ...(valid.body as object), [name]: value },
          broken: `with ${name}`,
        };
        const finding = await fuzzer.send(request, { token: mallory.token });
        faults.add(
          request,
          finding,
          ...(finding.answer.status === 400 ? [] : [`answered with ${finding.answer.status}`]),
        );
      }
    }
    faults.check(SEED);
    expect(await state()).toEqual(before);
  });

  it('an account that exists cannot be told from one that does not', async () => {
    const ask = (email: string) => installation.http().post('/api/auth/login', { email, password: 'wrong' });
    const [there, nowhere] = [await ask(victim.user.email), await ask('nobody-at-all@example.test')];
    expect([there.status, there.body.error_code, there.body.error]).toEqual([
      nowhere.status,
      nowhere.body.error_code,
      nowhere.body.error,
    ]);
    expect([...there.headers.keys()].sort()).toEqual([...nowhere.headers.keys()].sort());
    const tokens = await signIn(installation.http(), victim.user);
    expect(tokens.user.id).toBe(victim.user.id);
  });
});

describe('names that somebody invents', () => {
  const NAMES = 2_000;
  it(`of ${NAMES} actions leave nothing behind in Redis and in the metrics`, async () => {
    const keys = async (): Promise<number> =>
      (await installation.redis.client.keys(`${installation.redis.prefix}*`)).length;
    const series = async (): Promise<number> =>
      (await client.send({ method: 'GET', path: '/metrics' })).text.split('\n').length;
    const headers = { authorization: `Bearer ${admin.token}`, 'content-type': 'application/json' };
    const body = (i: number) => JSON.stringify({ action: `made.up_${i}`, payload: {} });
    const ask = async (i: number): Promise<void> => {
      const { status } = await client.send({
        method: 'POST',
        path: '/api/admin/action',
        headers,
        body: body(i),
      });
      expect(status).toBe(400);
    };
    await ask(0);
    const before = [await keys(), await series()] as const;
    const memory = process.memoryUsage().rss;
    for (let i = 0; i < NAMES; i += 50) await Promise.all(Array.from({ length: 50 }, (_, n) => ask(i + n)));
    // A histogram that is seen for the first time has some twenty lines; one line a name would be 2,000.
    expect((await keys()) - before[0]).toBeLessThan(NAMES / 50);
    expect((await series()) - before[1]).toBeLessThan(NAMES / 50);
    expect(process.memoryUsage().rss - memory).toBeLessThan(300 * 2 ** 20);
  });
});

/** Text without what the record replaces: look-alikes and invisible characters hide secrets, control characters harm. */
function undisguised(text: string): string {
  return text
    .normalize('NFKC')
    .replace(/[\u200b-\u200f\u2060\ufeff]/g, '')
    .replace(/[\p{Cc}\u2028\u2029\ufffd]/gu, '?');
}

/** Ids of nothing. */
const NOWHERE: Belongings = Object.fromEntries(
  ['user_id', 'upload_id', 'job_id', 'clip_id', 'execution_id'].map((name) => [
    name,
    ['0190a5d0-0000-7000-8000-000000000000'],
  ]),
);

/** The request with the ids of others in all places that take ids; undefined if it has none. */
function swapped(request: FuzzRequest, ids: Belongings): FuzzRequest | undefined {
  const idOf = (name: string): string | undefined => ids[name]?.[0];
  const path = Object.fromEntries(
    Object.entries(request.path).map(([name, value]) => [name, idOf(name) ?? value]),
  );
  const query = request.query.map(([name, value]) => [name, idOf(name) ?? value] as const);
  const places = [...Object.keys(path), ...query.map(([name]) => name), ...Object.keys(flat(request.body))];
  if (!places.some((name) => idOf(name) !== undefined)) return undefined;
  return { ...request, path, query, body: swapIds(request.body, idOf) };
}

function swapIds(value: unknown, idOf: (name: string) => string | undefined): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [name, idOf(name) ?? swapIds(inner, idOf)]),
  );
}

/** All members of an object, at any depth, by their names. */
function flat(value: unknown): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  return Object.assign({}, value, ...Object.values(value).map(flat)) as Record<string, unknown>;
}

/** The names of all members that are text, apart from the action's name. */
function textFields(body: unknown): string[] {
  return Object.entries(flat(body))
    .filter(([name, value]) => typeof value === 'string' && name !== 'action')
    .map(([name]) => name);
}

function replaceText(value: unknown, field: string, text: string): unknown {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [
      name,
      name === field && typeof inner === 'string' ? text : replaceText(inner, field, text),
    ]),
  );
}

/** What of an answer does not change from one request to the next. */
function lasting({ status, text }: RawAnswer): string {
  const { error_code, error, details } = JSON.parse(text) as Record<string, unknown>;
  return JSON.stringify([status, error_code, error, details]);
}
