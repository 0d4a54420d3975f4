import { v7 as uuidv7 } from 'uuid';
import { AgentRegistry } from '../../src/media/flow/agent-registry';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';

let installation: TestInstallation;
let admin: HttpClient;
let owner: string;

beforeAll(async () => {
  installation = await startInstallation();
  const { client, user } = await installation.user('admin');
  admin = client;
  owner = user.id;
});
afterAll(() => installation?.close());
beforeEach(async () => {
  await installation
    .get(RuntimeSettings)
    .update({ pipeline: { agents: null }, agents: null }, { authorId: null });
});

const run = (action: string, payload: object, options: object = {}) =>
  admin.action(action, payload, { options });
const graph = (api = 0) => installation.get(AgentRegistry, api).current();
const scenes = { agent_id: 'second-scenes', type: 'scene-detector' };
const settingsVersions = async () =>
  (
    await installation.database.query<{ count: number }>(
      'SELECT count(*)::int AS count FROM settings_versions',
    )
  )[0]?.count;

describe('adding an agent', () => {
  it('puts it where it was asked for, as a saved version that every process follows', async () => {
    const answer = await run('config.add_agent', {
      ...scenes,
      before: ['moment-selector'],
      settings: { cut_threshold: 9 },
    });
    expect(answer.body).toMatchObject({ success: true, data: { agent_id: 'second-scenes' } });
    const { graph_version, settings_version } = answer.body.data as Record<string, number>;
    for (const api of [0, 1])
      await eventually(() => {
        expect(graph(api).node('second-scenes')).toMatchObject({ needs: ['normaliser'], enabled: true });
        expect(graph(api).node('moment-selector')?.needs).toContain('second-scenes');
      });
    const [saved] = await installation.database.query<{ agents: { agent: string }[] }>(
      'SELECT agents FROM graph_versions WHERE version = $1',
      [graph_version],
    );
    expect(saved?.agents).toContainEqual(
      expect.objectContaining({
        agent: 'second-scenes',
        type: 'scene-detector',
        needs: ['normaliser'],
        settings: expect.objectContaining({ cut_threshold: 9 }),
      }),
    );
    expect(settings_version).toBe(installation.get(RuntimeSettings).version());
  });

  it.each<[string, object, number, string, string?]>([
    ['one that is there', { agent_id: 'inspector', type: 'inspector' }, 409, 'AGENT_EXISTS'],
    ['a circle', { ...scenes, after: ['packager'], before: ['inspector'] }, 400, 'PIPELINE_CYCLE'],
    ['one that waits for itself', { ...scenes, after: ['second-scenes'] }, 400, 'PIPELINE_CYCLE'],
    ['an unknown type', { ...scenes, type: 'magic' }, 400, 'VALIDATION_ERROR', 'payload.type'],
    ['an unknown need', { ...scenes, after: ['nobody'] }, 400, 'VALIDATION_ERROR', 'payload.after'],
    ['an unknown follower', { ...scenes, before: ['nobody'] }, 400, 'VALIDATION_ERROR', 'payload.before'],
    [
      'a setting of another type',
      { ...scenes, settings: { cut_threshold: 'high' } },
      400,
      'VALIDATION_ERROR',
      'payload.settings.cut_threshold',
    ],
    [
      'an unknown setting',
      { ...scenes, settings: { magic: 1 } },
      400,
      'VALIDATION_ERROR',
      'payload.settings.magic',
    ],
    ['a name that is no slug', { ...scenes, agent_id: '../x' }, 400, 'VALIDATION_ERROR', 'payload.agent_id'],
  ])('refuses %s, and saves nothing', async (...[, payload, status, code, path]) => {
    const before = await settingsVersions();
    const answer = await run('config.add_agent', payload);
    expect([answer.status, answer.body.error_code]).toEqual([status, code]);
    if (path) expect(answer.body.details).toContainEqual(expect.objectContaining({ path }));
    expect(await settingsVersions()).toBe(before);
  });

  it('lets one of two who add the same name at once have it', async () => {
    const answers = await Promise.all([0, 1].map(() => run('config.add_agent', scenes)));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
  });
});

describe('configuring an agent', () => {
  it('changes settings, limits and whether it is on, and puts defaults back', async () => {
    const agent_id = 'audio-analyst';
    const first = await run('config.configure_agent', {
      agent_id,
      settings: { silence_db: -40 },
      enabled: false,
      timeout_s: 90,
      max_attempts: 1,
    });
    expect(first.status).toBe(200);
    expect(graph().node(agent_id)).toMatchObject({ enabled: false, timeoutS: 90, maxAttempts: 1 });
    expect(graph().settings.agents[agent_id]).toEqual({ silence_db: -40 });
    expect(graph().steps.find(({ agent }) => agent === 'moment-selector')?.needs).toEqual(
      expect.not.arrayContaining([agent_id]),
    );
    await run('config.configure_agent', { agent_id, settings: { silence_db: null }, enabled: true });
    expect(graph().node(agent_id)).toMatchObject({ enabled: true, timeoutS: 90 });
    expect(graph().settings.agents[agent_id]).toEqual({});
  });

  it.each([
    ['an unknown agent', { agent_id: 'nobody', enabled: false }, 404, 'AGENT_NOT_FOUND'],
    ['an essential one, to be off', { agent_id: 'packager', enabled: false }, 400, 'VALIDATION_ERROR'],
    [
      'a setting that it does not know',
      { agent_id: 'packager', settings: { x: 1 } },
      400,
      'VALIDATION_ERROR',
    ],
  ])('refuses %s', async (_case, payload, status, code) => {
    const answer = await run('config.configure_agent', payload);
    expect([answer.status, answer.body.error_code]).toEqual([status, code]);
  });
});

describe('removing an agent', () => {
  const agent_id = 'second-scenes';
  const waitingJob = async (step: string) => {
    const id = uuidv7();
    await installation.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version) VALUES ($1, $2, 'x', 'processing', 1)`,
      [id, owner],
    );
    await installation.database.query(
      `INSERT INTO steps (id, job_id, agent, position, status) VALUES ($1, $2, $3, 0, $4)`,
      [uuidv7(), id, agent_id, step],
    );
    return id;
  };

  it('is previewed, and then done only if the agent is still as it was', async () => {
    await run('config.add_agent', { ...scenes, before: ['moment-selector'] });
    const preview = await run('config.remove_agent', { agent_id }, { dry_run: true });
    expect(graph().ids).toContain(agent_id);
    const { preview_token } = preview.body.data as { preview_token: string };
    await run('config.configure_agent', { agent_id, max_attempts: 2 });
    const stale = await run('config.remove_agent', { agent_id }, { preview_token });
    expect(stale.body.error_code).toBe('CONFLICT');

    const again = await run('config.remove_agent', { agent_id }, { dry_run: true });
    const token = (again.body.data as { preview_token: string }).preview_token;
    expect((await run('config.remove_agent', { agent_id }, { preview_token: token })).status).toBe(200);
    expect(graph().ids).not.toContain(agent_id);
    expect(graph().queues).toContain(agent_id);
    expect(graph().node('moment-selector')?.needs).not.toContain(agent_id);
    expect((await run('config.remove_agent', { agent_id })).body.error_code).toBe('AGENT_NOT_FOUND');
    expect((await run('config.add_agent', scenes)).status).toBe(200);
  });

  it.each(['blocked', 'queued', 'processing'])(
    'is refused while a job has a step that is %s',
    async (step) => {
      const added = await run('config.add_agent', scenes);
      const { settings_version } = added.body.data as { settings_version: number };
      const jobId = await waitingJob(step);
      for (const options of [{ dry_run: true }, {}]) {
        const answer = await run('config.remove_agent', { agent_id }, options);
        expect([answer.status, answer.body.error_code]).toEqual([409, 'AGENT_IN_USE']);
      }
      const settings = {
        pipeline: { agents: { [agent_id]: { removed: true } } },
        agents: { [agent_id]: null },
      };
      for (const options of [{ dry_run: true }, {}]) {
        const answer = await run('config.save', { settings, expected_version: settings_version }, options);
        expect([answer.status, answer.body.error_code]).toEqual([409, 'AGENT_IN_USE']);
      }
      expect(graph().ids).toContain(agent_id);
      await installation.database.query('DELETE FROM jobs WHERE id = $1', [jobId]);
      expect((await run('config.remove_agent', { agent_id })).status).toBe(200);
    },
  );

  it('is refused for those that others cannot do without', async () => {
    await run('config.add_agent', scenes);
    await run('config.add_agent', { agent_id: 'third', type: 'audio-analyst', after: [agent_id] });
    for (const id of [agent_id, 'audio-analyst', 'packager']) {
      const answer = await run('config.remove_agent', { agent_id: id });
      expect([id, answer.body.error_code]).toEqual([id, 'AGENT_IN_USE']);
    }
  });
});
