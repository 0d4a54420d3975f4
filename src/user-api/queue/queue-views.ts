import type { HourRow, OpenStep } from './queue-rows';
import type { QueueHour, QueueLine, QueueStatus, QueueTotals, WaitingStep } from './queue.dto';

/** A queue of which only `steps` count. */
export function lineOf(queue: string, status: QueueStatus, steps: readonly OpenStep[]): QueueLine {
  const waiting = steps.filter((step) => step.status === 'queued' && !step.delayed).length;
  const active = steps.filter((step) => step.status === 'processing').length;
  return {
    queue,
    status,
    waiting,
    active,
    delayed: steps.length - waiting - active,
  };
}

/** The sums. */
export function totalsOf(lines: readonly QueueLine[]): QueueTotals {
  const sum = (field: 'waiting' | 'active' | 'delayed') =>
    lines.reduce((total, line) => total + line[field], 0);
  return {
    queues: lines.length,
    paused: lines.filter((line) => line.status === 'paused').length,
    draining: lines.filter((line) => line.status === 'draining' || line.status === 'drained').length,
    waiting: sum('waiting'),
    active: sum('active'),
    delayed: sum('delayed'),
  };
}

/** A step that waits. */
export function waitingStep(step: OpenStep): WaitingStep {
  return {
    step_id: step.id,
    job_id: step.job_id,
    title: step.title,
    priority: step.priority,
    attempt: step.attempt,
    queued_at: step.queued_at?.toISOString() ?? null,
  };
}

/** An hour of a queue; of one in which nothing was done, if there is no row. */
export function hourOf(queue: string, row: HourRow | undefined, oldest: Date | null): QueueHour {
  const { completed = 0, failed = 0 } = row ?? {};
  const ms = (value: number | undefined) => (value === undefined ? null : Math.round(value));
  return {
    queue,
    completed_1h: completed,
    failed_1h: failed,
    failure_rate_1h: rate(failed, completed),
    throughput_per_min: Number((completed / 60).toFixed(2)),
    oldest_waiting_at: oldest?.toISOString() ?? null,
    wait_ms_p50: ms(row?.wait?.[0]),
    wait_ms_p95: ms(row?.wait?.[1]),
    wait_ms_p99: ms(row?.wait?.[2]),
    run_ms_p50: ms(row?.run?.[0]),
    run_ms_p95: ms(row?.run?.[1]),
    run_ms_p99: ms(row?.run?.[2]),
  };
}

/** Failed / (completed + failed), to four digits; null if there were neither. */
function rate(failed: number, completed: number): number | null {
  return failed + completed === 0 ? null : Number((failed / (failed + completed)).toFixed(4));
}
