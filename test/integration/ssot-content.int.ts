import { WorkerRegistry } from '../../src/fleet/workers/worker-registry';
import { AgentRegistry } from '../../src/media/flow/agent-registry';
import { MetricsRollupModule } from '../../src/media/rollups/metrics-rollup.module';
import { RollupCounting } from '../../src/media/rollups/rollup-counting';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { SECTIONS } from '../../src/ssot/document';
import { SnapshotBuilds } from '../../src/ssot/snapshot-builds';
import type { SnapshotDto } from '../../src/ssot/snapshot.dto';
import { SsotModule } from '../../src/ssot/ssot.module';
import { longEvents, longJobs, workerNamed } from '../support/fill-up';
import { History, randomOf } from '../support/history';
import { ReadsideTest, type Person, type ReadProcess } from './readside-support';

const SEED = Number(process.env['SSOT_SEED'] ?? Date.now() % 1_000_000);
const PATH = '/api/admin/ssot';
/** What the seeds name, with room for what each of its lists may hold at most. */
const SEED_SIZE = 60_000;
const MAX_SIZE = 160_000;
const MOVES_BY_ITSELF = [
  ...['version', 'as_of', 'used_memory_bytes', 'clients', 'connections', 'free_bytes', 'size_bytes'],
  ...['oldest_waiting_s', 'rss_bytes', 'loop_delay_ms'],
];

describe(`the content of the read model (SSOT_SEED=${SEED})`, () => {
  const random = randomOf(SEED);
  let test: ReadsideTest;
  let a: ReadProcess;
  let manager: ReadProcess;
  let admin: Person;
  let history: History;
  /** The workers that have given a sign of life, by number. */
  const workers = new Set<number>();

  beforeAll(async () => {
    test = await ReadsideTest.start();
    a = await test.api();
    manager = await test.context([SsotModule, MetricsRollupModule]);
    admin = await test.person(a);
    history = new History(test.database, admin.id, random);
  });

  afterAll(() => test?.close());

  const read = (query = '') => admin.client(a).get<SnapshotDto>(PATH + query);
  const invalidate = () => a.get(MessageBus).publish('ssot.invalidate', { reason: 'test' });
  const pick = <T>(of: readonly T[]): T | undefined => of[Math.floor(random() * of.length)];

  /** What a document says, without what only time changes. */
  function content(document: SnapshotDto): unknown {
    const text = JSON.stringify(document, (name, value: unknown) =>
      MOVES_BY_ITSELF.includes(name) ? undefined : value,
    );
    return JSON.parse(text);
  }

  async function warmed(): Promise<SnapshotDto> {
    const key = `${test.redis.prefix}:admin:dashboard:v4`;
    await test.redis.client.del(key);
    await manager
      .get(SnapshotBuilds)
      .buildForAll(() => Promise.resolve({ needed: true, previous: undefined }));
    return JSON.parse((await test.redis.client.get(key)) ?? '') as SnapshotDto;
  }

  async function disturb(): Promise<void> {
    for (let i = 0; i < 40; i += 1) await history.step();
    const agents = manager.get(AgentRegistry).current().ids;
    await test.database.query(
      `INSERT INTO queues (name, paused, purged_before) VALUES ($1, $2, $3)
       ON CONFLICT (name) DO UPDATE SET paused = $2, purged_before = $3`,
      [pick(agents), random() < 0.5, random() < 0.5 ? new Date(Date.now() - random() * 90_000_000) : null],
    );
    workers.add(Math.floor(random() * 5));
    if (random() < 0.5) await manager.get(RollupCounting).count(Math.floor(random() * 60));
  }

  /**
   * What the warmer builds, and what a reader is answered with, of one and the same state: within a minute by the clock, as
   * what is counted of the last hours leaves the count when one ends, and while the workers count as alive.
   */
  async function both() {
    for (;;) {
      const began = Date.now();
      await Promise.all([...workers].map((n) => manager.get(WorkerRegistry).say(workerAt(n))));
      const warm = await warmed();
      await invalidate();
      const cold = await read();
      const tookMs = Date.now() - began;
      if (tookMs < 5_000 && Math.floor(began / 60_000) === Math.floor((began + tookMs) / 60_000))
        return { warm, cold };
    }
  }
  const workerAt = (n: number) =>
    workerNamed(`worker-${n}`, manager.get(AgentRegistry).current().ids.slice(0, 3));

  it('is the same from the warmer and from a miss, whatever there is, and adds up', async () => {
    for (let round = 0; round < 6; round += 1) {
      await disturb();
      const { warm, cold } = await both();
      expect(cold.headers.get('x-cache')).toBe('miss');
      expect(content(cold.data)).toEqual(content(warm));
      await expectTruth(cold.data);
    }
  });

  async function expectTruth({ dashboard, queue, agents_workers, agents }: SnapshotDto): Promise<void> {
    const [truth] = await test.database.query<Record<string, number>>(
      `SELECT (SELECT count(*)::int FROM jobs WHERE status = 'queued') AS queued,
         (SELECT count(*)::int FROM jobs WHERE status = 'processing') AS processing,
         (SELECT count(*)::int FROM steps WHERE status = 'queued') AS waiting,
         (SELECT count(*)::int FROM steps s LEFT JOIN queues q ON q.name = s.agent WHERE s.status = 'failed'
           AND (q.purged_before IS NULL OR s.finished_at >= q.purged_before)) AS failed`,
    );
    const ended = (status: string) =>
      history.facts
        .filter(({ metric }) => metric === `job.${status}`)
        .reduce((sum, { count }) => sum + count, 0);
    expect(dashboard?.jobs).toEqual({
      active: (truth?.['queued'] ?? 0) + (truth?.['processing'] ?? 0),
      queued: truth?.['queued'],
      processing: truth?.['processing'],
      completed_24h: ended('completed'),
      failed_24h: ended('failed'),
      cancelled_24h: ended('cancelled'),
    });
    expect(queue?.totals.waiting).toBe(truth?.['waiting']);
    expect(queue?.queues.reduce((sum, one) => sum + one.failed, 0)).toBe(truth?.['failed']);
    expect(dashboard?.queues).toMatchObject({ waiting: queue?.totals.waiting, total: queue?.totals.queues });
    expect(dashboard?.agents.active).toBe(agents_workers?.totals.active_agents);
    expect(agents).toEqual(agents_workers);
  }

  it('tells how fast queues are', async () => {
    await test.database.query(
      `UPDATE steps SET status = 'completed', queued_at = now() - interval '40 s', started_at = now() - interval '30 s',
         finished_at = now() - interval '10 s' WHERE id = (SELECT id FROM steps WHERE status = 'queued' AND agent = 'inspector' LIMIT 1)`,
    );
    await test.database.query(
      `UPDATE steps SET queued_at = now() - interval '90 s' WHERE id =
         (SELECT id FROM steps WHERE status = 'queued' AND agent = 'packager' LIMIT 1)`,
    );
    await invalidate();
    const { data } = await read('?sections=queue');
    const [inspector, packager] = ['inspector', 'packager'].map((name) =>
      data.queue?.queues.find(({ queue }) => queue === name),
    );
    expect(packager?.oldest_waiting_s).toBeGreaterThanOrEqual(90);
    expect(inspector?.completed_1h).toBeGreaterThan(0);
    expect(inspector?.throughput_per_min).toBeCloseTo((inspector?.completed_1h ?? 0) / 60, 1);
    const { completed_1h: done = 0, failed_1h: failed = 0 } = inspector ?? {};
    expect(inspector?.failure_rate_1h).toBeCloseTo(failed / (failed + done), 3);
    const { wait_ms_p50: p50, wait_ms_p95: p95, wait_ms_p99: p99 } = inspector ?? {};
    expect((p50 ?? -1) <= (p95 ?? -1) && (p95 ?? -1) <= (p99 ?? -1)).toBe(true);
  });

  it.each([
    ['?sections=dashboard', ['dashboard']],
    ['?sections=queue,dashboard,queue', ['dashboard', 'queue']],
    ['?sections=queue%2Clogs', ['queue', 'logs']],
    ['?sections=agents', ['agents']],
    ['?sections=agents,agents_workers', ['agents_workers', 'agents']],
  ])('has the sections that %s names, and no others', async (query, names) => {
    await invalidate();
    const all = await read();
    const { data, headers } = await read(query);
    expect(Object.keys(data)).toEqual(['version', 'format', 'as_of', 'stale', 'sections', ...names]);
    for (const name of names) expect(data[name as 'queue']).toEqual(all.data[name as 'queue']);
    const metas = new Set(names.map((name) => (name === 'agents' ? 'agents_workers' : name)));
    expect(Object.keys(data.sections)).toEqual([...metas]);
    expect(headers.get('x-cache')).toBe('hit');
    const tag = headers.get('etag') ?? '';
    expect(tag).not.toBe(all.headers.get('etag'));
    const again = await admin.client(a).get(PATH + query, { 'if-none-match': tag });
    expect([again.status, again.bytes.length]).toEqual([304, 0]);
  });

  it.each(['?sections=', '?sections=jobs', '?sections=queue,', '?section=queue', '?sections=queue&x=1'])(
    'refuses %s',
    async (query) => {
      expect((await admin.client(a).get(PATH + query)).status).toBe(400);
    },
  );

  it('is as large as expected, and never larger than its lists may be', async () => {
    await invalidate();
    const small = await admin.client(a).get(PATH, { 'accept-encoding': 'identity' });
    expect(small.bytes.length).toBeLessThan(SEED_SIZE);
    const agents = manager.get(AgentRegistry).current().ids;
    await longEvents(test.database, 200);
    await longJobs(test.database, admin.id, 40);
    const many = Array.from({ length: 90 }, (_, i) =>
      workerNamed(`worker-${'x'.repeat(60)}-${i}`, agents, i % 4),
    );
    await Promise.all(many.map((worker) => manager.get(WorkerRegistry).say(worker)));
    await invalidate();
    const full = await admin.client(a).get<SnapshotDto>(PATH, { 'accept-encoding': 'identity' });
    expect(full.bytes.length).toBeLessThan(MAX_SIZE);
    const { dashboard, agents_workers: workers, analytics, logs, services } = full.data;
    expect(workers?.totals.workers).toBeGreaterThanOrEqual(90);
    expect(workers?.workers).toHaveLength(25);
    expect(workers?.workers.every((worker) => worker.active_steps >= 2)).toBe(true);
    expect([dashboard?.recent_jobs.length, dashboard?.recent_failures.length]).toEqual([25, 25]);
    expect([logs?.recent.length, analytics?.failures_24h.length, services?.services.length]).toEqual([
      100, 10, 60,
    ]);
    expect(logs?.recent[0]?.message).toHaveLength(300);
  });

  it('has the sections that the seeds name, and tells the age of each', async () => {
    const { data } = await read();
    for (const name of SECTIONS) expect(data[name]).not.toBeNull();
    const health = await admin
      .client(a)
      .get<{ sections: Record<string, { age_s: number }> }>(`${PATH}/health`);
    expect(Object.keys(health.data.sections)).toEqual([...SECTIONS]);
    for (const { age_s } of Object.values(health.data.sections)) expect(age_s).toBeLessThan(60);
    expect(health.headers.get('x-cache')).toMatch(/hit|miss/);
    expect(health.headers.get('vary')).toMatch(/Authorization/);
  });
});
