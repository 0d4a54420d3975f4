import type { WorkerDto } from './dto/agents-workers.dto';
import type { ManagerDto } from './dto/managers.dto';
import type { QueueDto } from './dto/queues.dto';
import type { SnapshotDto } from './snapshot.dto';

/** A number and what it is of; null where there is none. */
type Sample = readonly [value: number | null, labels?: Readonly<Record<string, string>>];

/** A metric that is read off the read model. */
export interface ReadModelGauge {
  readonly name: string;
  readonly help: string;
  readonly labels: readonly string[];
  /** Whether it only rises: Prometheus calls that a counter. */
  readonly rises?: true;
  /** What it is now. */
  samples(document: SnapshotDto): readonly Sample[];
}

const secondsOf = (ms: number | null): number | null => (ms === null ? null : ms / 1_000);
/** A time of a document, which has been text in between or not. */
const timestampOf = (at: Date | string | null): number | null =>
  secondsOf(at === null ? null : new Date(at).getTime());

/** Of each queue that the document lists. */
function ofQueues(samples: (queue: QueueDto) => readonly Sample[]): ReadModelGauge['samples'] {
  return ({ queue: section }) =>
    (section?.queues ?? []).flatMap((queue) =>
      samples(queue).map(([value, labels]): Sample => [value, { queue: queue.queue, ...labels }]),
    );
}

/** A number of each worker that the document lists. */
function ofWorkers(value: (worker: WorkerDto) => number | null): ReadModelGauge['samples'] {
  return ({ agents_workers: section }) =>
    (section?.workers ?? []).map((worker) => [value(worker), { worker: worker.worker_id }]);
}

/** A number of each control loop. */
function ofManagers(value: (loop: ManagerDto) => number | null): ReadModelGauge['samples'] {
  return ({ managers: section }) =>
    (section?.managers ?? []).map((loop) => [value(loop), { manager: loop.manager }]);
}

function quantiles(of: 'wait' | 'run'): ReadModelGauge['samples'] {
  return ofQueues((queue) => [
    [secondsOf(queue[`${of}_ms_p50`]), { quantile: '0.5' }],
    [secondsOf(queue[`${of}_ms_p95`]), { quantile: '0.95' }],
    [secondsOf(queue[`${of}_ms_p99`]), { quantile: '0.99' }],
  ]);
}

/**
 * What the installation as a whole is asked for by those who keep watch over it. The numbers are those of the read
 * model, so a dashboard here and one there never contradict each other.
 */
export const READ_MODEL_GAUGES: readonly ReadModelGauge[] = [
  {
    name: 'agentos_read_model_timestamp_seconds',
    help: 'When the numbers of a section of the read model were read, as Unix time; what is read off it is as old',
    labels: ['section'],
    samples: ({ sections }) =>
      Object.entries(sections).map(([section, { as_of: at }]) => [timestampOf(at), { section }]),
  },
  {
    name: 'agentos_read_model_stale',
    help: '1 for a section of the read model that could not be read lately',
    labels: ['section'],
    samples: ({ sections }) =>
      Object.entries(sections).map(([section, { stale }]) => [Number(stale), { section }]),
  },
  {
    name: 'agentos_jobs',
    help: 'Jobs that are not finished, by status',
    labels: ['status'],
    samples: ({ dashboard }) =>
      dashboard
        ? [
            [dashboard.jobs.queued, { status: 'queued' }],
            [dashboard.jobs.processing, { status: 'processing' }],
          ]
        : [],
  },
  {
    name: 'agentos_jobs_24h',
    help: 'Jobs that ended in the last 24 hours, by how',
    labels: ['outcome'],
    samples: ({ dashboard }) =>
      dashboard
        ? [
            [dashboard.jobs.completed_24h, { outcome: 'completed' }],
            [dashboard.jobs.failed_24h, { outcome: 'failed' }],
            [dashboard.jobs.cancelled_24h, { outcome: 'cancelled' }],
          ]
        : [],
  },
  {
    name: 'agentos_queue_steps',
    help: 'Steps of a queue: waiting, delayed until a next attempt, active, or failed and not yet dealt with',
    labels: ['queue', 'state'],
    samples: ofQueues((queue) => [
      [queue.waiting, { state: 'waiting' }],
      [queue.delayed, { state: 'delayed' }],
      [queue.active, { state: 'active' }],
      [queue.failed, { state: 'failed' }],
    ]),
  },
  {
    name: 'agentos_queue_paused',
    help: '1 for a queue from which nothing is taken until it is resumed',
    labels: ['queue'],
    samples: ofQueues((queue) => [[Number(queue.paused)]]),
  },
  {
    name: 'agentos_queue_oldest_waiting_timestamp_seconds',
    help: 'When the step that waits longest in a queue began to, as Unix time; absent if none waits',
    labels: ['queue'],
    samples: ofQueues((queue) => [[timestampOf(queue.oldest_waiting_at)]]),
  },
  {
    name: 'agentos_queue_steps_1h',
    help: 'Steps of a queue that ended in the last hour, by how',
    labels: ['queue', 'outcome'],
    samples: ofQueues((queue) => [
      [queue.completed_1h, { outcome: 'completed' }],
      [queue.failed_1h, { outcome: 'failed' }],
      [queue.skipped_1h, { outcome: 'skipped' }],
    ]),
  },
  {
    name: 'agentos_queue_wait_seconds',
    help: 'From queued to begun, of the steps that ended in the last hour; exact to 4.4 %',
    labels: ['queue', 'quantile'],
    samples: quantiles('wait'),
  },
  {
    name: 'agentos_queue_run_seconds',
    help: 'From begun to ended, of the steps that ended in the last hour; exact to 4.4 %',
    labels: ['queue', 'quantile'],
    samples: quantiles('run'),
  },
  {
    name: 'agentos_workers',
    help: 'Workers that are alive',
    labels: [],
    samples: ({ agents_workers: section }) => [[section?.totals.workers ?? null]],
  },
  {
    name: 'agentos_workers_busy',
    help: 'Workers that run a step',
    labels: [],
    samples: ({ agents_workers: section }) => [[section?.totals.busy_workers ?? null]],
  },
  {
    name: 'agentos_worker_memory_bytes',
    help: 'Memory that a worker holds; of the 25 busiest',
    labels: ['worker'],
    samples: ofWorkers((worker) => worker.rss_bytes),
  },
  {
    name: 'agentos_worker_loop_delay_seconds',
    help: 'How late the event loop of a worker was; of the 25 busiest',
    labels: ['worker'],
    samples: ofWorkers((worker) => secondsOf(worker.loop_delay_ms)),
  },
  {
    name: 'agentos_services',
    help: 'Processes of the installation, and how many of them run',
    labels: ['state'],
    samples: ({ services }) =>
      services
        ? [
            [services.totals.services, { state: 'all' }],
            [services.totals.running, { state: 'running' }],
          ]
        : [],
  },
  {
    name: 'agentos_manager_up',
    help: '1 for a control loop that is led and whose last run did not fail',
    labels: ['manager'],
    samples: ofManagers(({ status }) => Number(status === 'running')),
  },
  {
    name: 'agentos_manager_runs_total',
    help: 'Runs of a control loop',
    labels: ['manager'],
    rises: true,
    samples: ofManagers(({ runs }) => runs),
  },
  {
    name: 'agentos_manager_failures_total',
    help: 'Runs of a control loop that failed',
    labels: ['manager'],
    rises: true,
    samples: ofManagers(({ failures }) => failures),
  },
  {
    name: 'agentos_manager_last_run_timestamp_seconds',
    help: 'When a control loop ran last, as Unix time',
    labels: ['manager'],
    samples: ofManagers((loop) => timestampOf(loop.last_run_at)),
  },
  {
    name: 'agentos_manager_last_run_duration_seconds',
    help: 'How long the last run of a control loop took',
    labels: ['manager'],
    samples: ofManagers((loop) => secondsOf(loop.last_duration_ms)),
  },
  {
    name: 'agentos_maintenance',
    help: '1 while maintenance mode is on',
    labels: [],
    samples: ({ system }) => [[system ? Number(system.maintenance.enabled) : null]],
  },
  {
    name: 'agentos_database_bytes',
    help: 'What the database takes on disk',
    labels: [],
    samples: ({ system }) => [[system?.postgres.size_bytes ?? null]],
  },
  {
    name: 'agentos_database_connections',
    help: 'Connections to the database, and how many there may be',
    labels: ['state'],
    samples: ({ system }) =>
      system
        ? [
            [system.postgres.connections, { state: 'open' }],
            [system.postgres.max_connections, { state: 'allowed' }],
          ]
        : [],
  },
  {
    name: 'agentos_redis_memory_bytes',
    help: 'Memory that Redis uses',
    labels: [],
    samples: ({ system }) => [[system?.redis?.used_memory_bytes ?? null]],
  },
  {
    name: 'agentos_storage_bytes',
    help: 'The space for files of the process that built the read model',
    labels: ['state'],
    samples: ({ system }) =>
      system?.storage
        ? [
            [system.storage.total_bytes, { state: 'all' }],
            [system.storage.free_bytes, { state: 'free' }],
          ]
        : [],
  },
];
