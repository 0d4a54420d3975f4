import type { PauseResult } from '../../media/flow/queues/queue-admin.service';

/** What pausing or resuming came to. */
export interface QueuesPaused {
  /** As asked for. */
  queue: string;
  paused: boolean;
  /** Whether any queue was in the other state before. */
  changed: boolean;
  queues: PauseResult[];
}

/** The answer to queue.pause and queue.resume. */
export function queuesPaused(queue: string, paused: boolean, results: PauseResult[]): QueuesPaused {
  return { queue, paused, changed: results.some((result) => result.changed), queues: results };
}
