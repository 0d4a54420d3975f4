/** How jobs stand. */
export class JobNumbersDto {
  /** Jobs that are not finished: processing + queued. */
  active!: number;
  processing!: number;
  queued!: number;
  /** Jobs that were completed in the last 24 hours. One that failed and was completed after a retry counts in both. */
  completed_24h!: number;
  failed_24h!: number;
  cancelled_24h!: number;
}

/** A job as the dashboard lists it. */
export class JobLineDto {
  job_id!: string;
  title!: string;
  status!: string;
  progress!: number;
  error_code!: string | null;
  error_message!: string | null;
  created_at!: Date;
  updated_at!: Date;
}

/** What the collector of jobs finds; the dashboard shows it. */
export class JobsDto {
  jobs!: JobNumbersDto;
  /** Clips made in the last 24 hours. */
  clips_24h!: number;
  /** Uploads that are not finished. */
  uploads_open!: number;
  /** The newest jobs, 10 at most. */
  recent_jobs!: JobLineDto[];
  /** The newest failures of the last 24 hours, 5 at most. */
  recent_failures!: JobLineDto[];
}

/** The first page: a sentence and the numbers behind it. */
export class DashboardDto extends JobsDto {
  /** `attention` when something needs an operator. */
  status!: 'ok' | 'attention';
  /** What needs attention, in words; "All is well." otherwise. */
  summary!: string;
  queues!: { total: number; paused: number; waiting: number; active: number };
  agents!: { total: number; active: number };
  workers!: { online: number; busy: number };
  maintenance!: boolean;
}

/** A worker process that reported itself within its lease. */
export class WorkerDto {
  worker_id!: string;
  pool!: string;
  pid!: number;
  started_at!: string;
  concurrency!: number;
  /** Steps that it runs now. */
  active_steps!: number;
  queues!: string[];
  rss_bytes!: number;
  loop_delay_ms!: number;
}

/** An agent and what it has to do. */
export class AgentDto {
  agent!: string;
  title!: string;
  version!: string;
  /** `paused`: its queue is; `active`: a worker serves its queue; `unserved`: none does. */
  status!: 'active' | 'paused' | 'unserved';
  /** Workers that serve its queue. */
  workers!: number;
  waiting!: number;
  processing!: number;
  completed_1h!: number;
  failed_1h!: number;
}

/** Agents and workers. */
export class AgentsWorkersDto {
  totals!: { agents: number; active_agents: number; workers: number; busy_workers: number };
  agents!: AgentDto[];
  workers!: WorkerDto[];
}

/** A queue. The numbers are Postgres', which is the truth about what has to be done. */
export class QueueDto {
  queue!: string;
  paused!: boolean;
  /** Whether it takes nothing new in, and if so whether all that was there has come to its end. */
  drain!: 'draining' | 'drained' | null;
  /** Steps that failed for good, and were neither retried nor purged since. */
  failed!: number;
  /** Steps that could start now, or when the queue is resumed. */
  waiting!: number;
  /** Steps that wait for their next attempt. */
  delayed!: number;
  active!: number;
  /** When the step that waits longest began to. */
  oldest_waiting_at!: Date | null;
  /** For how long it had been waiting when this was read, in seconds; null if none waits. */
  oldest_waiting_s!: number | null;
  /** Steps that were completed in the last hour. */
  completed_1h!: number;
  /** Steps that failed for good in the last hour. */
  failed_1h!: number;
  /** Steps that had nothing to do, in the last hour. */
  skipped_1h!: number;
  /** failed / (completed + failed) of the last hour; null if there were neither. */
  failure_rate_1h!: number | null;
  /** Steps completed per minute, over the last hour. */
  throughput_per_min!: number;
  /** From queued to started, of the steps that ended in the last hour, in milliseconds; exact to 4.4 %. */
  wait_ms_p50!: number | null;
  wait_ms_p95!: number | null;
  wait_ms_p99!: number | null;
  /** From started to finished, of the same, in milliseconds; exact to 4.4 %. */
  run_ms_p50!: number | null;
  run_ms_p95!: number | null;
  run_ms_p99!: number | null;
}

/** All queues. */
export class QueuesDto {
  totals!: {
    queues: number;
    paused: number;
    draining: number;
    waiting: number;
    delayed: number;
    active: number;
  };
  queues!: QueueDto[];
}

/** One hour of work. */
export class HourDto {
  /** The hour's beginning. */
  hour!: Date;
  created!: number;
  completed!: number;
  failed!: number;
  cancelled!: number;
}

/** What came of the jobs created in the last 24 hours. */
export class AnalyticsDto {
  hours!: HourDto[];
  /** Failed / (completed + failed); null before any is finished. */
  failure_rate_24h!: number | null;
  /** From creation to the end of completed jobs, in seconds. */
  duration_s_p50!: number | null;
  duration_s_p95!: number | null;
  /** The commonest causes of failure. */
  failures_24h!: { error_code: string; count: number }[];
}

/** A system event. */
export class LogLineDto {
  id!: string;
  at!: Date;
  level!: string;
  source!: string;
  event!: string;
  message!: string;
  job_id!: string | null;
  trace_id!: string | null;
}

/** What happened lately. */
export class LogsDto {
  /** Events of the last hour by level. */
  levels_1h!: Record<string, number>;
  /** The newest events, 50 at most. */
  recent!: LogLineDto[];
}

/** A control loop. */
export class ManagerDto {
  manager!: string;
  /** `leaderless`: no process leads it; `failing`: its last run failed. */
  status!: 'running' | 'failing' | 'leaderless';
  leader!: string;
  fence!: number;
  runs!: number;
  failures!: number;
  /** Of the last run, or null. */
  last_error!: string | null;
  last_run_at!: Date | null;
  last_duration_ms!: number | null;
}

/** The control loops. */
export class ManagersDto {
  totals!: { managers: number; running: number; failing: number; leaderless: number };
  managers!: ManagerDto[];
}

/** A process of the installation. */
export class ServiceDto {
  name!: string;
  role!: string;
  /** Of a worker. */
  pool!: string | null;
  state!: string;
  pid!: number | null;
  since!: string | null;
  restarts!: number | null;
  last_exit!: string | null;
}

/** The processes. `source` tells who lists them: the launcher, the Docker Swarm, or the processes themselves. */
export class ServicesDto {
  source!: 'launcher' | 'swarm' | 'self-reported';
  totals!: { services: number; running: number };
  services!: ServiceDto[];
}

/** Redis, as it tells of itself. */
export class RedisFactsDto {
  version!: string;
  used_memory_bytes!: number;
  clients!: number;
}

/** A dependency's circuit breaker, shared by all processes. */
export class CircuitDto {
  dependency!: 'postgres' | 'redis' | 'queue' | 'storage';
  state!: 'closed' | 'open' | 'probing';
  /** Whether an operator holds it so, by settings.circuit_breaker.forced. */
  forced!: boolean;
  /** How often it has opened in a row. */
  trips!: number;
  /** When it may be tried again; null unless it is open. */
  open_until!: Date | null;
}

/** The space for files. */
export class StorageFactsDto {
  total_bytes!: number;
  free_bytes!: number;
}

/** What everything runs on. */
export class SystemDto {
  maintenance!: { enabled: boolean; message: string | null; until: string | null };
  settings_version!: number;
  postgres!: { version: string; size_bytes: number; connections: number; max_connections: number };
  /** Null while Redis is away. */
  redis!: RedisFactsDto | null;
  /** Of each dependency of actions; null while Redis is away. */
  circuits!: CircuitDto[] | null;
  /** Of the folder for files; null where the answering process has none. */
  storage!: StorageFactsDto | null;
}

/** What is known about one section. */
export class SectionMetaDto {
  /** When its numbers were read. */
  as_of!: Date;
  /** True when it could not be read for this version; its numbers are older then, or null if there never were any. */
  stale!: boolean;
  /** Changes with the section's content, not with time. */
  hash!: string;
}

/** Everything an operator looks at. */
export class SnapshotDto {
  /** Rises with each build: when it began, in microseconds by Redis' clock. */
  version!: number;
  as_of!: Date;
  /** Whether any section is. */
  stale!: boolean;
  sections!: Record<string, SectionMetaDto>;
  dashboard!: DashboardDto | null;
  agents_workers!: AgentsWorkersDto | null;
  /** The same as `agents_workers`, under its older name. */
  agents!: AgentsWorkersDto | null;
  queue!: QueuesDto | null;
  analytics!: AnalyticsDto | null;
  logs!: LogsDto | null;
  managers!: ManagersDto | null;
  services!: ServicesDto | null;
  system!: SystemDto | null;
}

/** The dashboard alone. */
export class DashboardViewDto {
  version!: number;
  as_of!: Date;
  stale!: boolean;
  dashboard!: DashboardDto | null;
}

/** The answer with all sections. */
export class SnapshotAnswerDto {
  success!: true;
  data!: SnapshotDto;
  timestamp!: Date;
}

/** The answer with the dashboard alone. */
export class DashboardAnswerDto {
  success!: true;
  data!: DashboardViewDto;
  timestamp!: Date;
}
