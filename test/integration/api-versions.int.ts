import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_VERSION, API_VERSIONS } from '../../src/platform/http/api-version';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { PROJECT } from '../support/process';
import { TEST_SETTINGS } from '../support/users';

/** A request, and what each version answers to it, with what differs from time to time taken out. */
interface Golden {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly body?: object;
  readonly status: number;
  readonly answer: unknown;
}

const goldenOf = (version: string): Golden[] =>
  JSON.parse(readFileSync(join(PROJECT, `test/support/golden/${version}.json`), 'utf8')) as Golden[];

/** Ids, times and measurements as what they are. */
function steady(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(steady);
  if (typeof value === 'object' && value !== null)
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [
        key,
        /_ms$|^seq$|^leaf$|^version$|^uptime_s$|^websocket$/.test(key) ? typeof one : steady(one),
      ]),
    );
  if (typeof value !== 'string') return value;
  if (/^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value)) return 'a time';
  if (/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value)) return 'an id';
  return /^[0-9a-f]{32}$/.test(value) ? 'a trace id' : value;
}

describe('the versions of the API', () => {
  let installation: TestInstallation;
  let admin: HttpClient;

  beforeAll(async () => {
    installation = await startInstallation({ apis: 1, settings: TEST_SETTINGS });
    admin = (await installation.user('admin')).client;
  });
  afterAll(() => installation?.close());

  const send = (
    { method, path, body }: Pick<Golden, 'method' | 'path' | 'body'>,
    headers: Record<string, string>,
  ) => (method === 'GET' ? admin.get(path, headers) : admin.post(path, body ?? {}, headers));

  it.each(API_VERSIONS.flatMap((version) => goldenOf(version).map((one) => [version, one] as const)))(
    '%s still answers as it did: %j',
    async (version, golden) => {
      const answer = await send(golden, { 'api-version': version });
      expect([answer.status, steady(answer.body)]).toEqual([golden.status, golden.answer]);
      expect(answer.headers.get('api-version')).toBe(version);
    },
  );

  it('name the newest one to whoever asks for none, on every way in', async () => {
    for (const one of goldenOf(API_VERSION))
      expect((await send(one, {})).headers.get('api-version')).toBe(API_VERSION);
  });

  it.each(['2001-01-01', '', 'latest', `${API_VERSION}, ${API_VERSION}`])(
    'refuse one that there is not: %j',
    async (version) => {
      const { query } = installation.database;
      const before = await query('SELECT id FROM executions');
      for (const one of goldenOf(API_VERSION)) {
        const answer = await send(one, { 'api-version': version });
        expect([answer.status, answer.body.error_code]).toEqual([400, 'API_VERSION_UNKNOWN']);
      }
      expect(await query('SELECT id FROM executions')).toEqual(before);
      const outcomes = `SELECT FROM audit_entries WHERE error_code = 'API_VERSION_UNKNOWN' AND phase <> 'denial'`;
      expect(await query(outcomes)).toEqual([]);
    },
  );
});
