import { setTimeout as delay } from 'node:timers/promises';
import type { PersistentClient } from '../../nemesis/client';
import { type Order, verdictOf } from '../../nemesis/history';
import type { Random } from '../../nemesis/random';
import { order } from '../../nemesis/workload/order-maker';
import type { JobBoard } from './job-board';

/** Share of acts that queue a job again, where there is one. */
const RETRIES = 0.6;
/** Share of cancellations that concern the newest job: those of workers that are gone are to be run by another. */
const NEWEST = 0.75;

/** Somebody who cancels jobs that wait or run, fewer than are completed, and retries those that were cancelled or have failed. */
export class JobOperator {
  readonly violations: string[] = [];

  constructor(
    private readonly client: PersistentClient,
    private readonly board: JobBoard,
    private readonly random: Random,
  ) {}

  /** Acts every so many milliseconds on average, until `until`. */
  async work(everyMs: number, until: AbortSignal): Promise<void> {
    while (!until.aborted) {
      await delay(this.random.between(everyMs / 2, everyMs * 1.5), undefined, { signal: until }).catch(
        () => undefined, // only the signal ends it early
      );
      const next = until.aborted ? undefined : this.next();
      if (next) await this.place(next);
    }
  }

  /** Lets workers take from these queues again, and opens the user API if it is closed. */
  async settle(queues: readonly string[]): Promise<void> {
    const action = 'system.maintenance_mode_toggle';
    const options = { confirm: action, reason: 'The soak is over' };
    await this.place(order({ client: this.client.number, action, payload: { enabled: false }, options }));
    for (const queue of queues)
      await this.place(order({ client: this.client.number, action: 'queue.resume', payload: { queue } }));
  }

  private next(): Order | undefined {
    const { board, random } = this;
    const { number: client } = this.client;
    // It may have gone on since the board was looked at.
    const refusals = ['INVALID_JOB_STATE'];
    if (board.retryable.length > 0 && random.chance(RETRIES)) {
      const payload = {
        job_id: random.pick(board.retryable).id,
        from: random.pick(['failed_step', 'start']),
      };
      return order({ client, action: 'job.retry', payload, refusals });
    }
    const candidates = random.chance(NEWEST) ? board.unfinished.slice(-1) : board.unfinished;
    if (candidates.length === 0 || board.count('cancelled') >= board.count('completed')) return undefined;
    return order({ client, action: 'job.cancel', payload: { job_id: random.pick(candidates).id }, refusals });
  }

  private async place(wanted: Order): Promise<void> {
    const final = await this.client.fulfil(wanted);
    if (final && verdictOf(final) === 'refusal' && !wanted.refusals.includes(final.code ?? ''))
      this.violations.push(`${wanted.action} was refused with ${final.status} ${final.code}`);
  }
}
