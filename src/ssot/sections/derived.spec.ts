import type { JobsDto } from '../dto/dashboard.dto';
import type { ManagersDto } from '../dto/managers.dto';
import type { QueuesDto } from '../dto/queues.dto';
import type { SystemDto } from '../dto/system.dto';
import { agentsAndWorkers, dashboard } from './derived';

const queue = (name: string, paused: boolean, waiting: number, active: number) => ({
  queue: name,
  paused,
  drain: null,
  failed: 0,
  waiting,
  active,
  delayed: 0,
  oldest_waiting_at: null,
  oldest_waiting_s: null,
  completed_1h: 1,
  failed_1h: 0,
  skipped_1h: 0,
  failure_rate_1h: 0,
  throughput_per_min: 0.02,
  wait_ms_p50: null,
  wait_ms_p95: null,
  wait_ms_p99: null,
  run_ms_p50: null,
  run_ms_p95: null,
  run_ms_p99: null,
});

const queues: QueuesDto = {
  totals: { queues: 2, paused: 1, draining: 0, waiting: 3, delayed: 0, active: 1 },
  queues: [queue('inspector', false, 3, 1), queue('packager', true, 0, 0)],
};
const agents = ['inspector', 'packager', 'normaliser'].map((id) => ({ id, title: id, version: '1' }));
const found = { online: 2, busy: 1, serving: { inspector: 2, packager: 2 }, list: [] };
const managers = {
  totals: { managers: 4, running: 4, failing: 0, leaderless: 0 },
  managers: [],
} as ManagersDto;
const system = { maintenance: { enabled: false, message: null, until: null }, redis: {} } as SystemDto;
const jobs = { jobs: { active: 3 }, clips_24h: 0, uploads_open: 0, recent_jobs: [], recent_failures: [] };

describe('agentsAndWorkers', () => {
  it('tells active, paused and unserved agents apart, with the numbers of their queues', () => {
    const section = agentsAndWorkers(agents, found, queues);
    expect(
      section.agents.map((one) => [one.agent, one.status, one.workers, one.waiting, one.processing]),
    ).toEqual([
      ['inspector', 'active', 2, 3, 1],
      ['packager', 'paused', 2, 0, 0],
      ['normaliser', 'unserved', 0, 0, 0],
    ]);
    expect(section.totals).toEqual({ agents: 3, active_agents: 1, workers: 2, busy_workers: 1 });
  });
});

describe('dashboard', () => {
  const of = (changes: { workers?: number; system?: Partial<SystemDto>; failing?: number } = {}) =>
    dashboard(
      jobs as unknown as JobsDto,
      { ...queues, totals: { ...queues.totals, paused: 0 } },
      agentsAndWorkers(agents, { ...found, online: changes.workers ?? 2 }, queues),
      { ...managers, totals: { ...managers.totals, failing: changes.failing ?? 0 } },
      { ...system, ...changes.system },
    );

  it('is calm when all is well, with the numbers of the other sections', () => {
    expect(of()).toMatchObject({
      status: 'ok',
      summary: 'All is well.',
      jobs: { active: 3 },
      queues: { total: 2, waiting: 3, active: 1 },
      workers: { online: 2, busy: 1 },
    });
  });

  it.each([
    [{ workers: 0 }, 'No worker is online.'],
    [{ failing: 1 }, '1 manager is failing.'],
    [{ failing: 2, workers: 0 }, 'No worker is online, 2 managers are failing.'],
    [{ system: { redis: null } }, 'Redis is away.'],
  ])('says what needs attention: %j', (changes, summary) => {
    expect(of(changes)).toMatchObject({ status: 'attention', summary });
  });
});
