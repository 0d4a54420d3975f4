import { v7 as uuidv7 } from 'uuid';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { AGENT_SETTINGS } from '../support/agent-settings';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';

/** One setting of each agent, with a value that it may not have. */
type Wrong = [agent: string, setting: string, value: unknown][];

const numbers = (place: number): Wrong =>
  Object.entries(AGENT_SETTINGS).flatMap(([agent, settings]) => {
    const [found] = Object.entries(settings).filter(([, { takes }]) => typeof takes[0] === 'number');
    return found ? [[agent, found[0], found[1].refuses[place]]] : [];
  });
const WRONG: [string, Wrong][] = [
  ['below its bound', numbers(0)],
  ['above its bound', numbers(1)],
  [
    'of another type',
    Object.entries(AGENT_SETTINGS).map(([agent, settings]) => [
      agent,
      Object.keys(settings)[0] ?? '',
      { a: 1 },
    ]),
  ],
  ['that it does not have', Object.keys(AGENT_SETTINGS).map((agent) => [agent, 'magic', 1])],
];

describe('a setting of an agent', () => {
  let installation: TestInstallation;
  let admin: HttpClient;
  let uploadId: string;

  beforeAll(async () => {
    installation = await startInstallation();
    const { client, user } = await installation.user('admin');
    admin = client;
    uploadId = uuidv7();
    await installation.database.query(
      `INSERT INTO uploads (id, user_id, filename, size_bytes, chunk_size, chunk_count, sha256, status, storage_key, expires_at)
       VALUES ($1, $2, 'holiday.mp4', 1, 65536, 1, $3, 'finalized', 'uploads/x', now() + interval '1 day')`,
      [uploadId, user.id, 'a'.repeat(64)],
    );
  });
  afterAll(() => installation?.close());

  const count = async (table: 'jobs' | 'settings_versions') =>
    (await installation.database.query<{ count: number }>(`SELECT count(*)::int AS count FROM ${table}`))[0]
      ?.count;
  const settingsOf = (wrong: Wrong) =>
    Object.fromEntries(wrong.map(([agent, name, value]) => [agent, { [name]: value }]));
  const pathsIn = (answer: { body: { details?: unknown } }) =>
    (answer.body.details as { path: string }[] | undefined)?.map(({ path }) => path).sort();

  it.each(WRONG)(
    '%s is refused when a job is created, of every agent, with the field',
    async (...[, wrong]) => {
      const before = await count('jobs');
      const answer = await admin.post('/api/jobs/create', {
        upload_id: uploadId,
        settings: settingsOf(wrong),
      });
      expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
      expect(pathsIn(answer)).toEqual(wrong.map(([agent, name]) => `settings.${agent}.${name}`).sort());
      expect(await count('jobs')).toBe(before);
    },
  );

  it.each(WRONG)(
    '%s is refused when the graph is saved, of every agent, with the field',
    async (...[, wrong]) => {
      const before = await count('settings_versions');
      const answer = await admin.action('config.save', {
        settings: { agents: settingsOf(wrong) },
        expected_version: installation.get(RuntimeSettings).version(),
      });
      expect([answer.status, answer.body.error_code]).toEqual([400, 'VALIDATION_ERROR']);
      expect(pathsIn(answer)).toEqual(
        wrong.map(([agent, name]) => `payload.settings.agents.${agent}.${name}`).sort(),
      );
      expect(await count('settings_versions')).toBe(before);
    },
  );

  it('is refused of an agent that is added', async () => {
    const answer = await admin.action('config.add_agent', {
      agent_id: 'second-sound',
      type: 'audio-analyst',
      settings: { silence_db: 3 },
    });
    expect([answer.status, pathsIn(answer)]).toEqual([400, ['payload.settings.silence_db']]);
  });

  it('is taken up to its bounds', async () => {
    const settings = Object.fromEntries(
      Object.entries(AGENT_SETTINGS).map(([agent, cases]) => {
        const [first] = Object.entries(cases);
        return [agent, first ? { ...first[1].beside, [first[0]]: first[1].takes[0] } : {}];
      }),
    );
    const answer = await admin.post('/api/jobs/create', { upload_id: uploadId, settings });
    expect(answer.status).toBe(201);
  });
});
