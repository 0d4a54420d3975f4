import { ROLES, type Role } from '../../src/platform/security/roles';
import { belongingsOf } from '../fuzz/belongings';
import type { ApiDocument } from '../fuzz/document';
import { Faults, Fuzzer } from '../fuzz/fuzzer';
import type { RawAnswer } from '../fuzz/http';
import type { FuzzRequest } from '../fuzz/requests';
import { restoreSettings } from '../fuzz/restore';
import { startInstallation, type TestInstallation } from '../support/installation';

/**
 * The API against its own description: what that allows is taken, what it does not is refused, and every answer is
 * one that it declares. What is asked is read from the description, so that it holds for whatever is added.
 * FUZZ_SEED asks for other things, FUZZ_RUNS for more of them by that factor. Without it the same is asked each time, so
 * that a red run means that something has changed.
 */
const SEED = Number(process.env['FUZZ_SEED'] ?? 1_085_244_511);
const FACTOR = Number(process.env['FUZZ_RUNS'] ?? 1);
/** Valid requests per operation. */
const VALID = 8 * FACTOR;

/** What a schema cannot say, and is therefore refused although it is valid by the document. */
const BEYOND_SCHEMAS: readonly [path: RegExp, why: string][] = [
  [/^page$/, 'page and per_page together reach at most 10,000 entries deep'],
  [/^settings\./, 'the settings of a job go by the ids of agents'],
  [/^payload\.settings\b/, 'the settings of an agent go by its type'],
  [/^payload\.(after|before|type)$/, 'an agent waits for agents that there are'],
  [/^payload\.(agents|min|max|replicas)$/, 'a pool has agents that there are, and bounds that fit together'],
  [/^body$/, 'a chunk has exactly the bytes that its place says'],
  [/^(upload_id|index)$/, 'a chunk is named in the query or in the form'],
  [/^date$/, 'a day has to be one of the calendar'],
  [/^payload\.date$/, 'a day has to be one of the calendar, and has begun'],
  [/^timezone$/, 'a time zone has to be one of the IANA database'],
  [/^filename$/, 'a name that is nothing but folders and signs is none'],
];

describe(`the API and its description (seed ${SEED})`, () => {
  let installation: TestInstallation;
  let fuzzer: Fuzzer;
  const tokens = new Map<Role, string>();

  beforeAll(async () => {
    installation = await startInstallation({ apis: 1 });
    const document = await installation.http().get('/docs/openapi.json');
    fuzzer = new Fuzzer(
      JSON.parse(document.bytes.toString()) as ApiDocument,
      installation.http().baseUrl,
      SEED,
    );
  });

  afterAll(async () => {
    fuzzer?.close();
    await installation?.close();
  });

  it('takes what the description allows, and answers as it says', async () => {
    const faults = new Faults();
    const succeeded = new Set<string>();
    for (const operation of fuzzer.operations) {
      const [admin, user] = [await signedIn('admin'), await signedIn('user')];
      for (const [i, request] of fuzzer.valid(operation, VALID).entries()) {
        const finding = await fuzzer.send(request, {
          token: i % 3 === 2 ? user : admin,
          problem: i % 4 === 3,
        });
        faults.add(request, finding, ...refusedForNothing(finding.answer));
        if (finding.answer.status < 400) succeeded.add(operation.name);
      }
      await restoreSettings(installation, operation);
    }
    faults.check(SEED);
    // What meets nothing but refusals is not tested.
    expect(succeeded.size).toBeGreaterThan(fuzzer.operations.length * 0.7);
  });

  it('refuses whatever breaks a single rule of it', async () => {
    const faults = new Faults();
    for (const operation of fuzzer.operations) {
      const token = await signedIn('admin');
      for (const [i, request] of fuzzer.broken(operation, FACTOR).entries()) {
        const finding = await fuzzer.send(request, { token, problem: i % 4 === 3 });
        faults.add(request, finding, ...notRefused(finding.answer));
      }
    }
    faults.check(SEED);
  });

  it('lets nobody in without a good token where it says that one is needed', async () => {
    const faults = new Faults();
    for (const operation of fuzzer.operations.filter(({ needsToken }) => needsToken)) {
      const [request] = fuzzer.valid(operation, 1) as [FuzzRequest];
      for (const token of [undefined, 'nonsense', `${(await signedIn('admin')).slice(0, -4)}AAAA`]) {
        const finding = await fuzzer.send(request, { token });
        faults.add(request, finding, ...(finding.answer.status === 401 ? [] : ['it was not refused']));
      }
    }
    faults.check(SEED);
  });

  it('lets each role run the actions that it says, and no other', async () => {
    const faults = new Faults();
    for (const operation of fuzzer.operations) {
      const { action } = operation;
      if (!action) continue;
      for (const role of ROLES) {
        const [request] = fuzzer.valid(operation, 1) as [FuzzRequest];
        const finding = await fuzzer.send(request, { token: await signedIn(role) });
        const forbidden = finding.answer.status === 403;
        faults.add(
          request,
          finding,
          ...(forbidden === (action.anyone_on_own || action.roles.includes(role))
            ? [`${role}: ${finding.answer.status}`]
            : []),
        );
      }
      await restoreSettings(installation, operation);
    }
    faults.check(SEED);
  });

  it('answers the methods that it describes at each path, and says which these are', async () => {
    const faults = new Faults();
    for (const path of Object.keys(fuzzer.document.paths)) {
      const url = path.replace(/\{\w+\}/g, '0190a5d0-0000-7000-8000-000000000000');
      const methods = methodsAt(path);
      const allow = methods.join(', ');
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'TRACE', 'PROPFIND', 'PURGE']) {
        if (methods.includes(method)) continue;
        const answer = await fuzzer.raw(method, url);
        if (answer.status !== 405 || answer.headers['allow'] !== allow || !answer.headers['x-trace-id'])
          faults.note(
            `${method} ${path}: ${answer.status}, allow ${String(answer.headers['allow'])} instead of ${allow}`,
          );
      }
      const options = await fuzzer.raw('OPTIONS', url);
      if (options.status !== 204 || options.headers['allow'] !== allow)
        faults.note(`OPTIONS ${path}: ${options.status}`);
      if (!methods.includes('GET')) continue;
      const headers = { authorization: `Bearer ${await signedIn('admin')}` };
      const [get, head] = [await fuzzer.raw('GET', url, headers), await fuzzer.raw('HEAD', url, headers)];
      if (head.status !== get.status || head.text !== '')
        faults.note(`HEAD ${path}: ${head.status}, GET ${get.status}`);
    }
    faults.check(SEED);
  });

  /** The token of somebody of that role, who may have been signed out, or worse, by what was tried before. */
  async function signedIn(role: Role): Promise<string> {
    const token = tokens.get(role);
    const probe =
      token === undefined
        ? 401
        : (await fuzzer.raw('GET', '/api/jobs/history?per_page=1', { authorization: `Bearer ${token}` }))
            .status;
    if (token !== undefined && probe !== 401) return token;
    const { user, client } = await installation.user(role);
    // Who may only read has nothing of their own.
    const belongings = role === 'readonly' ? {} : await belongingsOf(installation, user, client);
    for (const [name, ids] of Object.entries(belongings)) fuzzer.know(name, ...ids);
    tokens.set(role, client.token ?? '');
    return client.token ?? '';
  }

  it('changes nothing by GET, whatever is read', async () => {
    const token = await signedIn('admin');
    const requests = fuzzer.operations
      .filter(({ method }) => method.toUpperCase() === 'GET')
      .flatMap((operation) => fuzzer.valid(operation, 2));
    expect(requests.length).toBeGreaterThan(40);
    const before = await contents();
    for (const request of requests) await fuzzer.send(request, { token, problem: false });
    expect(await contents()).toEqual(before);
  });

  /** A digest of what is in each table. How often earlier requests were refused is told seconds later, and left out. */
  async function contents(): Promise<Record<string, string>> {
    const tables = await installation.database.query<{ name: string }>(
      `SELECT quote_ident(relname) AS name FROM pg_class
        WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY 1`,
    );
    const digests: Record<string, string> = {};
    for (const { name } of tables) {
      const [row] = await installation.database.query<{ digest: string }>(
        `SELECT count(*) || ' ' || md5(coalesce(string_agg(md5(t::text), '' ORDER BY md5(t::text)), '')) AS digest FROM ${name} t
          WHERE coalesce(to_jsonb(t)->>'phase', '') NOT IN ('denial', 'security')`,
      );
      digests[name] = row?.digest ?? '';
    }
    return digests;
  }

  /** The methods that a path answers: its own, and those of a pattern that it fits, too. */
  function methodsAt(path: string): string[] {
    const fitting = Object.entries(fuzzer.document.paths).filter(([other]) =>
      new RegExp(`^${other.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    );
    const own = fitting.flatMap(([, item]) => Object.keys(item).map((method) => method.toUpperCase()));
    return [...new Set([...own, 'OPTIONS', ...(own.includes('GET') ? ['HEAD'] : [])])].sort();
  }
});

/** A valid request may meet what is not there, or not in the right state, but is not malformed. */
function refusedForNothing({ status, text }: RawAnswer): string[] {
  if (status !== 400) return [];
  const { error_code, code, details, errors } = JSON.parse(text) as Refusal;
  if ((error_code ?? code) !== 'VALIDATION_ERROR') return [];
  const paths = (details ?? errors ?? []).map(({ path }) => path.replace(/^\//, '').replaceAll('/', '.'));
  const known =
    paths.length > 0 && paths.every((path) => BEYOND_SCHEMAS.some(([pattern]) => pattern.test(path)));
  return known ? [] : [`it is valid by the description, and was refused: ${text.slice(0, 400)}`];
}

interface Refusal {
  error_code?: string;
  code?: string;
  details?: { path: string }[];
  errors?: { path: string }[];
}

function notRefused({ status, text }: RawAnswer): string[] {
  return status === 400 || status === 404 ? [] : [`it was answered with ${status}: ${text.slice(0, 300)}`];
}
