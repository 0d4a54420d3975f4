import { v7 as uuidv7 } from 'uuid';
import { AgentRegistry } from '../../src/media/flow/agent-registry';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { ROLES, type Role } from '../../src/platform/security/roles';
import { FIGURES } from '../../src/user-api/agents/agent-figures';
import type { AgentLogLine } from '../../src/user-api/agents/agent-config.dto';
import type {
  AgentDetail,
  AgentPerformance,
  AgentQueue,
  AgentsHealth,
  AgentStatus,
} from '../../src/user-api/agents/agents.dto';
import { OLDEST } from '../../src/user-api/agents/agent-queries';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf } from '../support/pipeline';

const READS = [
  'performance',
  'health',
  'config',
  'clip-renderer',
  'logs/clip-renderer',
  'queue/clip-renderer',
];
const agent = 'scene-detector';
const path = (rest: string) => `/api/agents/${rest}`;

let installation: TestInstallation;
let admin: HttpClient;
let owner: string;

beforeAll(async () => {
  installation = await startInstallation({ variables: { TRUSTED_PROXIES: '127.0.0.0/8' } });
  const { client, user } = await installation.user('admin');
  admin = client;
  owner = user.id;
  await installation.startManager();
});
afterAll(() => installation?.close());
afterEach(() => installation.get(QueueAdmin).resume('all'));

const sql = <T>(text: string, params: unknown[] = []) => installation.database.query<T>(text, params);
const newJob = async (status = 'processing') => {
  const id = uuidv7();
  await sql(`INSERT INTO jobs (id, user_id, title, status, graph_version) VALUES ($1, $2, 'x', $3, 1)`, [
    id,
    owner,
    status,
  ]);
  return id;
};
/** A step of a job of its own; times in seconds before now. */
const step = async (
  status: string,
  times: { queued?: number; started?: number; ended?: number } = {},
  more = {},
) => {
  const job = await newJob();
  const id = uuidv7();
  // Of one moment, so that what is between two of them is exact.
  const now = Date.now();
  const ago = (seconds: number | undefined) =>
    seconds === undefined ? null : new Date(now - seconds * 1_000);
  const row = {
    id,
    job_id: job,
    agent,
    position: 0,
    status,
    queued_at: ago(times.queued),
    started_at: ago(times.started),
    finished_at: ago(times.ended),
    ...more,
  };
  const names = Object.keys(row);
  const places = names.map((_, i) => `$${i + 1}`).join(', ');
  await sql(`INSERT INTO steps (${names.join(', ')}) VALUES (${places})`, Object.values(row));
  return { id, job };
};
const statusOf = async (client = admin) => {
  const { data } = await client.get<AgentStatus[]>(path('status'));
  return data.find(({ agent_id }) => agent_id === agent);
};

describe('who may look at agents', () => {
  it.each(ROLES)('%s sees their status; all else is for staff', async (role: Role) => {
    const { client } = await installation.user(role);
    const { data } = await client.get<AgentStatus[]>(path('status'));
    expect(data.map(({ agent_id }) => agent_id)).toEqual([...installation.get(AgentRegistry).current().ids]);
    const statuses = await Promise.all(READS.map(async (rest) => (await client.get(path(rest))).status));
    expect(statuses).toEqual(READS.map(() => (role === 'user' ? 403 : 200)));
  });

  it.each(['nobody', 'logs/nobody', 'queue/nobody', 'constructor'])(
    'there is no agent at %s',
    async (rest) => {
      const answer = await admin.get(path(rest));
      expect([answer.status, answer.body.error_code]).toEqual([404, 'AGENT_NOT_FOUND']);
    },
  );
});

describe('what is shown of an agent', () => {
  beforeAll(async () => {
    // Ten that took 1 to 10 s after 2 s of waiting, then two failures, and one that was left out.
    for (let run = 1; run <= 10; run += 1)
      await step('completed', { queued: 102 + run, started: 100 + run, ended: 100 });
    await step(
      'failed',
      { queued: 60, started: 50, ended: 41 },
      { error_code: 'TOOL_FAILED', error_message: 'Old.' },
    );
    await step(
      'failed',
      { queued: 60, started: 50, ended: 40 },
      { error_code: 'TOOL_TIMEOUT', error_message: 'Too long.' },
    );
    await step('skipped', { queued: 60, started: 50, ended: 49 }, { skip_reason: 'no_video' });
    // Of yesterday, and so only in the figures of the day; and older.
    await step('completed', { queued: 7_230, started: 7_220, ended: 7_200 });
    await step('failed', { queued: 200_000, started: 199_000, ended: 198_000 });
  });

  it('are its figures over an hour and a day', async () => {
    const { data } = await admin.get<AgentPerformance[]>(path('performance'));
    const found = data.find(({ agent_id }) => agent_id === agent);
    expect(found?.last_1h).toEqual({
      window_s: 3_600,
      sampled: false,
      completed: 10,
      failed: 2,
      skipped: 1,
      cancelled: 0,
      success_rate: 0.833,
      throughput_per_h: 10,
      run_ms: { p50: 5_500, p95: 9_550, p99: 9_910 },
      wait_ms: { p50: 2_000, p95: 10_000, p99: 10_000 },
      skips: [{ reason: 'no_video', count: 1 }],
    });
    expect(found?.last_24h).toMatchObject({ completed: 11, failed: 2 });
    const idle = data.find(({ agent_id }) => agent_id === 'packager');
    expect(idle?.last_1h).toMatchObject({ completed: 0, success_rate: null, run_ms: { p50: null } });
  });

  it('is what runs, by whom, and what failed last', async () => {
    const { id, job } = await step(
      'processing',
      { queued: 30, started: 20 },
      { worker_id: 'w-1', progress: 0.5 },
    );
    const { data } = await admin.get<AgentDetail>(path(agent));
    expect(data).toMatchObject({
      agent_id: agent,
      type: agent,
      essential: false,
      state: 'active',
      active: 1,
      active_steps: [{ step_id: id, job_id: job, worker_id: 'w-1', progress: 0.5 }],
      workers: [],
      last_error: { code: 'TOOL_TIMEOUT', message: 'Too long.' },
    });
    await sql('DELETE FROM jobs WHERE id = $1', [job]);
  });

  it('is its queue, in the order in which steps are taken', async () => {
    const late = await step('queued', { queued: 10 }, { priority: 5 });
    const early = await step('queued', { queued: 700 }, { priority: 5 });
    const urgent = await step('queued', { queued: 1 }, { priority: 1 });
    const { data } = await admin.get<AgentQueue>(path(`queue/${agent}`));
    expect(data.next.map(({ step_id }) => step_id)).toEqual([urgent.id, early.id, late.id]);
    expect(Date.now() - Date.parse(data.oldest_waiting_at ?? '')).toBeGreaterThanOrEqual(700_000);
    const health = await admin.get<AgentsHealth>(path('health'));
    const found = health.data.agents.find(({ agent_id }) => agent_id === agent);
    expect(found).toMatchObject({ health: 'down', workers: 0, oldest_waiting_at: data.oldest_waiting_at });
    expect(found?.reasons).toEqual(['No worker serves it.', 'A step has been waiting for 12 minutes.']);
    await sql('DELETE FROM jobs WHERE id = ANY($1)', [[late.job, early.job, urgent.job]]);
  });

  it('is its log, newest first, page by page', async () => {
    const ids: string[] = [];
    for (const level of ['info', 'warn', 'warn', 'error']) {
      const id = uuidv7();
      ids.unshift(id);
      await sql(
        `INSERT INTO system_events (id, level, source, event, message, data) VALUES ($1, $2, 'flow', 'x', 'y', $3)`,
        [id, level, JSON.stringify({ agent: 'captain' === level ? '' : agent })],
      );
    }
    await sql(
      `INSERT INTO system_events (id, level, source, event, message, data) VALUES ($1, 'warn', 'flow', 'x', 'y', '{"agent":"packager"}')`,
      [uuidv7()],
    );
    const seen: string[] = [];
    for (let cursor = ''; ;) {
      const page = await admin.get<AgentLogLine[]>(
        path(`logs/${agent}?per_page=3${cursor ? `&cursor=${cursor}` : ''}`),
      );
      seen.push(...page.data.map(({ event_id }) => event_id));
      const next = page.body.pagination?.['next_cursor'] as string | null;
      if (!next) break;
      cursor = next;
    }
    expect(seen).toEqual(ids);
    const warnings = await admin.get<AgentLogLine[]>(path(`logs/${agent}?level=warn`));
    expect(warnings.data.map(({ event_id }) => event_id)).toEqual([ids[1], ids[2]]);
    expect((await admin.get(path(`logs/${agent}?level=loud`))).status).toBe(400);
  });

  it('costs no walk over the steps that there have been', async () => {
    const job = await newJob('completed');
    await sql(
      `INSERT INTO steps (id, job_id, agent, position, status, queued_at, started_at, finished_at)
       SELECT gen_random_uuid(), $1, 'bulk-' || i, 0, 'completed', now() - interval '3 days', now() - interval '3 days',
         now() - interval '2 days' FROM generate_series(1, 30000) i`,
      [job],
    );
    await sql('ANALYZE steps');
    for (const [text, params] of [
      [FIGURES, [[agent, 'packager'], 86_400]],
      [OLDEST, [[agent]]],
    ] as const) {
      const plan = await sql<{ 'QUERY PLAN': string }>(`EXPLAIN ${text}`, [...params]);
      const lines = plan.map((row) => row['QUERY PLAN']).join('\n');
      expect(lines).not.toContain('Seq Scan on steps');
      expect(lines).toMatch(/Index.*Scan.*(steps_agent_finished_idx|steps_queued_idx)/);
    }
    await sql('DELETE FROM jobs WHERE id = $1', [job]);
  });
});

describe('what operators do to agents', () => {
  const paused = async () =>
    (await sql<{ name: string }>('SELECT name FROM queues WHERE paused')).map(({ name }) => name);

  it('stops and starts one, as the actions on its queue, on record', async () => {
    const stopped = await admin.post(path(`${agent}/stop`));
    expect(stopped.data).toMatchObject({ queue: agent, paused: true, changed: true });
    expect(await paused()).toEqual([agent]);
    expect(await statusOf()).toMatchObject({ state: 'paused' });
    expect(await auditOf(installation.database, stopped.body.trace_id, 2)).toMatchObject([
      { phase: 'intent', action: 'queue.pause', payload: { queue: agent } },
      { phase: 'outcome', status: 200 },
    ]);
    expect((await admin.post(path(`${agent}/stop`))).data).toMatchObject({ changed: false });
    expect((await admin.post(path(`${agent}/start`))).data).toMatchObject({ paused: false, changed: true });
    expect(await paused()).toEqual([]);
  });

  it.each(['nobody/stop', 'all/stop', 'all/start'])('does nothing at %s', async (rest) => {
    const answer = await admin.post(path(rest));
    expect([answer.status, answer.body.error_code]).toEqual([404, 'AGENT_NOT_FOUND']);
    expect(await paused()).toEqual([]);
  });

  it.each<[string, string, object, Role[]]>([
    ['stop', `${agent}/stop`, {}, ['supervisor', 'readonly', 'user']],
    ['config', 'config', { agent_id: agent, enabled: false }, ['supervisor', 'readonly', 'user']],
    ['restart', 'restart', {}, ['supervisor', 'readonly', 'user']],
    ['clear-queue', 'clear-queue', { agent_id: agent }, ['operator', 'supervisor', 'readonly', 'user']],
  ])('%s is refused to those who do not hold its action', async (_what, rest, body, roles) => {
    for (const role of roles) {
      const { client } = await installation.user(role);
      const answer = await client.post(path(rest), body);
      expect([role, answer.status, answer.body.error_code]).toEqual([role, 403, 'FORBIDDEN']);
      expect(await auditOf(installation.database, answer.body.trace_id, 1)).toMatchObject([
        { phase: 'denial' },
      ]);
    }
    expect(await paused()).toEqual([]);
  });

  it.each([`${agent}/stop`, 'restart', 'config', 'clear-queue'])(
    'lets nobody %s from outside the networks of the admin side',
    async (rest) => {
      const answer = await admin.post(path(rest), { agent_id: agent }, { 'x-forwarded-for': '203.0.113.9' });
      expect([answer.status, answer.body.error_code]).toEqual([403, 'IP_NOT_ALLOWED']);
      expect(await paused()).toEqual([]);
    },
  );

  it('configures one for new jobs', async () => {
    const answer = await admin.post(path('config'), { agent_id: agent, settings: { cut_threshold: 8 } });
    expect(answer.data).toMatchObject({ agent_id: agent, graph_version: expect.any(Number) });
    const { data } = await admin.get<{ agents: object[]; graph_version: number }>(path('config'));
    expect(data.graph_version).toBe((answer.data as { graph_version: number }).graph_version);
    expect(data.agents).toContainEqual(
      expect.objectContaining({
        agent_id: agent,
        changed: ['cut_threshold'],
        settings: expect.objectContaining({ cut_threshold: 8 }),
      }),
    );
    const wrong = await admin.post(path('config'), { agent_id: agent, settings: { cut_threshold: 'x' } });
    expect(wrong.body.details).toMatchObject([{ path: 'payload.settings.cut_threshold' }]);
  });

  it('clears a queue, in the background, of what waits for that agent only', async () => {
    await installation.get(QueueAdmin).pause('all');
    const here = await step('queued', { queued: 1 });
    const elsewhere = await step('queued', { queued: 1 }, { agent: 'packager' });
    const preview = await admin.post(path('clear-queue'), { agent_id: agent, options: { dry_run: true } });
    expect(preview.data).toMatchObject({ count: 1, ids: [here.job] });
    const answer = await admin.post(path('clear-queue'), { agent_id: agent });
    expect([answer.status, answer.body.data]).toEqual([202, expect.objectContaining({ status: 'running' })]);
    await eventually(async () => {
      const jobs = await sql<{ id: string; status: string }>(
        'SELECT id, status FROM jobs WHERE id = ANY($1)',
        [[here.job, elsewhere.job]],
      );
      expect(Object.fromEntries(jobs.map(({ id, status }) => [id, status]))).toEqual({
        [here.job]: 'cancelled',
        [elsewhere.job]: 'processing',
      });
    });
  });

  it('says that it restarts nothing where nothing starts processes', async () => {
    const answer = await admin.post(path('restart'), { options: { dry_run: true } });
    expect([answer.status, answer.body.error_code]).toEqual([409, 'SERVICE_NOT_MANAGED']);
  });
});
