/** How long a worker may take to answer, in milliseconds; what reaches it later than that is not done any more. */
export const ANSWER_MS = 2_000;

/** What a worker does now. */
export interface WorkerDutyState {
  pool: string;
  /** The version of the settings by which it goes. */
  settings_version: number;
  /** Steps that it runs at a time, at most. */
  concurrency: number;
  /** Those whose queues it serves; none where the settings do not know its pool. */
  agents: readonly string[];
  /** Takes no more steps. */
  draining: boolean;
}

/** The state of a worker, as it says itself when it is asked. Its media tools are processes of their own and not in it. */
export interface WorkerVitals extends WorkerDutyState {
  uptime_s: number;
  /** By how much its event loop was late, in milliseconds: the median and the worst hundredth of the last 10 to 20 s. */
  loop_delay_ms: { p50: number; p99: number };
  memory: { rss_bytes: number; heap_used_bytes: number; heap_total_bytes: number };
  /** Cores in use over the last 10 to 20 s: 0.5 is half of one. */
  cpu_cores: number;
  active_steps: { step_id: string; job_id: string; agent: string; attempt: number }[];
  /** What went wrong last, with the time as ISO 8601. */
  last_error: { at: string; message: string } | null;
}

/** How far a worker is with ending what it runs. */
export interface WorkerDrainState {
  draining: boolean;
  /** Steps that it still runs. */
  steps_left: number;
}

/** What a worker can be asked for, by the name of the command: what it is given, and what it answers. */
export interface WorkerCommands {
  'worker.health': { request: Record<string, never>; reply: WorkerVitals };
  /** Goes by this version of the settings, or a newer one, when it answers. */
  'worker.configure': { request: { settings_version: number }; reply: WorkerDutyState };
  /** Takes no step after it has answered; those that it runs go on to their end. */
  'worker.drain': { request: Record<string, never>; reply: WorkerDrainState };
  'worker.resume': { request: Record<string, never>; reply: WorkerDrainState };
}

/** The name of a command. */
export type WorkerCommand = keyof WorkerCommands;

/** Why a worker does not do what it was asked; the message is a sentence for people. */
export class WorkerRefusal extends Error {
  override name = 'WorkerRefusal';
}
