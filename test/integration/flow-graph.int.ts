import type { INestApplicationContext } from '@nestjs/common';
import { AgentError } from '../../src/media/agents/agent';
import type { SavedAgent } from '../../src/media/flow/graph-versions';
import { AgentRegistry } from '../../src/media/flow/agent-registry';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { type SettingsChange, RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { eventually } from '../support/eventually';
import { FlowTest } from './flow-support';

/** Nothing is restarted here: what changes is the graph under processes that run. */
describe('the graph, changed while jobs run', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let another: INestApplicationContext;

  beforeAll(async () => {
    flow = await FlowTest.start();
    api = await flow.api();
    another = await flow.api();
    await flow.worker();
    await flow.manager();
  });

  beforeEach(async () => {
    flow.scripts.clear();
    flow.runs.length = 0;
    await change({ pipeline: { agents: null } });
  });

  afterAll(() => flow.close(), 60_000);

  const settingsOf = (process: INestApplicationContext) => process.get(RuntimeSettings, { strict: false });
  /** Saves a change; it holds in both processes afterwards, which is within a second anyway. */
  const change = async (patch: SettingsChange) => {
    const { version } = await settingsOf(api).update(patch, { authorId: null });
    await eventually(() => expect(settingsOf(another).version()).toBe(version));
  };
  const add = (id: string, after: string[], before?: string) =>
    change({
      pipeline: {
        agents: {
          [id]: { type: 'scene-detector', after },
          ...(before ? { [before]: { after: ['audio-analyst', 'scene-detector', id] } } : {}),
        },
      },
    });
  const versionOf = async (jobId: string) => {
    const [row] = await flow.database.query<{ version: number; agents: SavedAgent[] }>(
      'SELECT v.version, v.agents FROM jobs j JOIN graph_versions v ON v.version = j.graph_version WHERE j.id = $1',
      [jobId],
    );
    if (!row) throw new Error('The graph of the job was not saved');
    return row;
  };

  it('gives new jobs a step of a new agent, whose queue the running workers serve', async () => {
    const before = await flow.createJob(api);
    await flow.reaches(before, 'completed');
    await add('second-look', ['inspector'], 'packager');
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');

    expect((await flow.steps(jobId)).map(({ agent }) => agent)).toEqual([
      'inspector',
      'audio-analyst',
      'scene-detector',
      'second-look',
      'packager',
    ]);
    const [step] = await flow.database.query(
      `SELECT type, needs, status FROM steps WHERE job_id = $1 AND agent = 'second-look'`,
      [jobId],
    );
    expect(step).toEqual({ type: 'scene-detector', needs: ['inspector'], status: 'completed' });
    expect(flow.runs.filter((run) => run.jobId === jobId && run.agent === 'scene-detector')).toHaveLength(2);
    expect((await flow.steps(before)).map(({ agent }) => agent)).not.toContain('second-look');
    await eventually(() =>
      expect(another.get(AgentRegistry, { strict: false }).current().ids).toContain('second-look'),
    );
  });

  it('is kept by a job in the version that it was made with, also when it is retried', async () => {
    await add('second-look', ['inspector']);
    flow.scripts.set('packager', () => Promise.reject(new AgentError('DAMAGED')));
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'failed');
    const own = await versionOf(jobId);
    expect(own.agents.map(({ agent }) => agent)).toContain('second-look');

    await change({
      pipeline: { agents: { 'second-look': { removed: true }, 'audio-analyst': { enabled: false } } },
    });
    const later = await flow.createJob(api);
    await flow.reaches(later, 'failed');
    const other = await versionOf(later);
    expect(other.version).not.toBe(own.version);
    expect((await flow.steps(later)).map(({ agent }) => agent)).toEqual([
      'inspector',
      'scene-detector',
      'packager',
    ]);

    flow.scripts.clear();
    flow.runs.length = 0;
    await api.get(JobsService, { strict: false }).retry(jobId, { from: 'start' });
    await flow.reaches(jobId, 'completed');
    expect((await flow.steps(jobId)).map(({ agent, status }) => [agent, status])).toContainEqual([
      'second-look',
      'completed',
    ]);
    expect((await versionOf(jobId)).version).toBe(own.version);
  });

  it('is one version as long as it is the same, whatever else is saved and whoever makes the jobs', async () => {
    const first = await flow.createJob(api);
    await change({ uploads: { max_open_per_user: 7 } });
    const jobs = await Promise.all([
      flow.createJob(api),
      flow.createJob(another),
      flow.createJob(api),
      flow.createJob(another),
    ]);
    const versions = await Promise.all([first, ...jobs].map(versionOf));
    expect(new Set(versions.map(({ version }) => version)).size).toBe(1);
    for (const jobId of [first, ...jobs]) await flow.reaches(jobId, 'completed');
  });

  it('serves on an agent that settings name no more, for the steps that wait for it', async () => {
    await add('second-look', ['inspector'], 'packager');
    const jobId = await flow.createJob(api);
    await change({ pipeline: { agents: null } });
    await flow.reaches(jobId, 'completed');
  });

  it.each([
    ['a circle', { inspector: { after: ['packager'] } }, /\.after$/],
    ['an unknown type', { extra: { type: 'magic' } }, /extra\.type/],
    ['an unknown need', { packager: { after: ['nobody'] } }, /packager\.after/],
  ])('is not saved with %s', async (_case, agents, path) => {
    await expect(change({ pipeline: { agents } })).rejects.toMatchObject({
      code: 'VALIDATION_ERROR',
      details: expect.arrayContaining([{ path: expect.stringMatching(path), message: expect.any(String) }]),
    });
  });
});
