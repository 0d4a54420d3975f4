import { ReadModelMetrics } from './read-model-metrics';
import type { SnapshotDto } from './snapshot.dto';
import type { SsotService } from './ssot.service';

/** Of a document as it comes from the cache, where times are text. */
const documentOf = (fields: object): SnapshotDto =>
  JSON.parse(JSON.stringify({ sections: {}, ...fields })) as SnapshotDto;

const QUEUE = {
  queue: 'clip-renderer',
  paused: true,
  waiting: 4,
  delayed: 1,
  active: 2,
  failed: 3,
  oldest_waiting_at: new Date(1_700_000_000_500),
  completed_1h: 120,
  failed_1h: 5,
  skipped_1h: 6,
  wait_ms_p50: 850,
  wait_ms_p95: 12_000,
  wait_ms_p99: null,
  run_ms_p50: null,
  run_ms_p95: null,
  run_ms_p99: null,
};

/** The samples that are shown; the read model is what `read` answers. */
async function samples(read: () => Promise<SnapshotDto>): Promise<string[]> {
  const service = { read: async () => ({ snapshot: { document: await read() } }) } as unknown as SsotService;
  const text = await new ReadModelMetrics(service).text();
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
}

describe('the metrics of the read model', () => {
  it('tell of queues, without the numbers that there are none of', async () => {
    const shown = await samples(() => Promise.resolve(documentOf({ queue: { queues: [QUEUE] } })));
    expect(shown).toEqual([
      'agentos_queue_steps{queue="clip-renderer",state="waiting"} 4',
      'agentos_queue_steps{queue="clip-renderer",state="delayed"} 1',
      'agentos_queue_steps{queue="clip-renderer",state="active"} 2',
      'agentos_queue_steps{queue="clip-renderer",state="failed"} 3',
      'agentos_queue_paused{queue="clip-renderer"} 1',
      'agentos_queue_oldest_waiting_timestamp_seconds{queue="clip-renderer"} 1700000000.5',
      'agentos_queue_steps_1h{queue="clip-renderer",outcome="completed"} 120',
      'agentos_queue_steps_1h{queue="clip-renderer",outcome="failed"} 5',
      'agentos_queue_steps_1h{queue="clip-renderer",outcome="skipped"} 6',
      'agentos_queue_wait_seconds{queue="clip-renderer",quantile="0.5"} 0.85',
      'agentos_queue_wait_seconds{queue="clip-renderer",quantile="0.95"} 12',
    ]);
  });

  it('tell which loops run as they should, and how stale the numbers are', async () => {
    const loop = { last_run_at: new Date(1_700_000_001_000), last_duration_ms: 12, runs: 7, failures: 1 };
    const managers = [
      { ...loop, manager: 'dispatcher', status: 'running' },
      { ...loop, manager: 'metrics-rollup', status: 'leaderless', last_run_at: null, last_duration_ms: null },
    ];
    const sections = { managers: { as_of: new Date(1_700_000_002_000), stale: true, hash: 'x' } };
    const shown = await samples(() => Promise.resolve(documentOf({ managers: { managers }, sections })));
    expect(shown).toEqual([
      'agentos_read_model_timestamp_seconds{section="managers"} 1700000002',
      'agentos_read_model_stale{section="managers"} 1',
      'agentos_manager_up{manager="dispatcher"} 1',
      'agentos_manager_up{manager="metrics-rollup"} 0',
      'agentos_manager_runs_total{manager="dispatcher"} 7',
      'agentos_manager_runs_total{manager="metrics-rollup"} 7',
      'agentos_manager_failures_total{manager="dispatcher"} 1',
      'agentos_manager_failures_total{manager="metrics-rollup"} 1',
      'agentos_manager_last_run_timestamp_seconds{manager="dispatcher"} 1700000001',
      'agentos_manager_last_run_duration_seconds{manager="dispatcher"} 0.012',
    ]);
  });

  it('forget what is gone, and show nothing where there is no read model', async () => {
    let document: SnapshotDto | undefined = documentOf({ queue: { queues: [QUEUE] } });
    const read = () => (document ? Promise.resolve(document) : Promise.reject(new Error('none')));
    const service = {
      read: async () => ({ snapshot: { document: await read() } }),
    } as unknown as SsotService;
    const metrics = new ReadModelMetrics(service);
    expect(await metrics.text()).toContain('clip-renderer');
    document = documentOf({ queue: { queues: [{ ...QUEUE, queue: 'packager' }] } });
    expect(await metrics.text()).not.toContain('clip-renderer');
    document = undefined;
    expect(await metrics.text()).not.toContain('packager');
  });
});
