/** Jobs of a day, by what became of them. */
export interface JobFigures {
  created: number;
  completed: number;
  failed: number;
  cancelled: number;
  /** Created and not ended when the day ended, or now if it has not. */
  open_at_end: number;
  /** From being created to being completed, in seconds; null where none was completed. */
  p50_s: number | null;
  p95_s: number | null;
  p99_s: number | null;
  /** Of the jobs that were completed. */
  clips: number;
}

/** Jobs that ended within an hour. */
export interface HourFigures {
  /** 0 to 23, UTC. */
  hour: number;
  completed: number;
  failed: number;
  cancelled: number;
}

/** What an agent did: its steps that ended on the day. */
export interface AgentFigures {
  agent: string;
  steps: number;
  /** That workers spent on them. */
  hours: number;
  p50_s: number | null;
  p95_s: number | null;
  p99_s: number | null;
}

/** Steps that failed for good. */
export interface FailureFigures {
  agent: string;
  error_code: string;
  count: number;
}

/** Files, in bytes. */
export interface StorageFigures {
  uploads: number;
  files: number;
  uploads_added: number;
  files_added: number;
}

/** An action with the outcomes of its runs by the staff. */
export interface ActionFigures {
  action: string;
  succeeded: number;
  failed: number;
  denied: number;
}

/** A job that took long. */
export interface SlowJob {
  job_id: string;
  title: string;
  duration_s: number;
}

/** All figures of one day. */
export interface DayFigures {
  jobs: JobFigures;
  hours: HourFigures[];
  agents: AgentFigures[];
  failures: FailureFigures[];
  storage: StorageFigures;
  actions: ActionFigures[];
  slowest: SlowJob[];
}

/** One day and, for comparison, the one before. Days are those of UTC. */
export interface DailyReport {
  /** ISO 8601. */
  date: string;
  generated_at: string;
  /** Whether the day was over when this was made. */
  complete: boolean;
  day: DayFigures;
  day_before: DayFigures;
}
