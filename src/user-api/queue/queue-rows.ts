/** A step that waits or runs. */
export interface OpenStep {
  id: string;
  job_id: string;
  agent: string;
  status: 'queued' | 'processing';
  /** The job's. */
  title: string;
  priority: number;
  /** The one that it will be, or is. */
  attempt: number;
  queued_at: Date | null;
  /** It waits for the time of its next attempt. */
  delayed: boolean;
}

/** What was done by an agent in the last hour; percentiles (50th, 95th and 99th) in milliseconds. */
export interface HourRow {
  agent: string;
  completed: number;
  failed: number;
  wait: number[] | null;
  run: number[] | null;
}
