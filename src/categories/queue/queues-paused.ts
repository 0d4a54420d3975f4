import type { PauseResult, QueueAdmin } from '../../media/flow/queues/queue-admin.service';
import type { ActionContext } from '../../pipeline/catalogue/action-command';

/** What pausing or resuming came to. */
export interface QueuesPaused {
  /** As asked for. */
  queue: string;
  paused: boolean;
  /** Whether any queue was in the other state before. */
  changed: boolean;
  queues: PauseResult[];
}

/**
 * Makes queues as they are wanted: what there is to change in one transaction with its outcome, and Bull after that.
 *
 * @throws AppError QUEUE_NOT_FOUND
 */
export async function setQueuesPaused(
  queues: QueueAdmin,
  wanted: { queue: string; paused: boolean },
  context: ActionContext,
): Promise<QueuesPaused> {
  const { queue, paused } = wanted;
  const unchanged = await queues.unchanged(queue, paused);
  if (unchanged) return answerOf(wanted, unchanged);
  const answer = await context.transaction(async (tx) =>
    answerOf(wanted, await (paused ? queues.pause(queue, tx) : queues.resume(queue, tx))),
  );
  await queues.follow(answer.queues);
  return answer;
}

function answerOf(
  { queue, paused }: { queue: string; paused: boolean },
  results: PauseResult[],
): QueuesPaused {
  return { queue, paused, changed: results.some((result) => result.changed), queues: results };
}
