import { Inject, Injectable } from '@nestjs/common';
import { QueueAdmin } from '../../../media/flow/queues/queue-admin.service';
import { CircuitStore } from '../../../pipeline/breaker/circuit-store';
import { DEPENDENCIES } from '../../../pipeline/catalogue/action.decorator';
import { Db } from '../../../platform/postgres/db';
import { type Check, failing, type Finding, ok, warning } from './check';
import { WorkerCheck } from './worker-check';

/** Checks of what does the work: queues, workers, managers, circuits. */
@Injectable()
export class FlowChecks {
  /** In the order in which they are shown. */
  readonly checks: readonly Check[];

  constructor(
    @Inject(QueueAdmin) private readonly queues: QueueAdmin,
    @Inject(WorkerCheck) private readonly workers: WorkerCheck,
    @Inject(CircuitStore) private readonly circuits: CircuitStore,
    @Inject(Db) private readonly db: Db,
  ) {
    this.checks = [
      { name: 'queues', adviceOnFailure: 'Check Redis and Postgres first.', run: () => this.checkQueues() },
      this.workers,
      { name: 'managers', adviceOnFailure: 'Check Postgres first.', run: () => this.checkManagers() },
      { name: 'breakers', adviceOnFailure: 'Check Redis first.', run: () => this.checkCircuits() },
    ];
  }

  private async checkQueues(): Promise<Finding> {
    const counts = await this.queues.counts();
    const paused = Object.keys(counts).filter((name) => counts[name]?.paused);
    const draining = Object.keys(counts).filter((name) => counts[name]?.drain);
    const held = [
      paused.length > 0 ? `${paused.length} queues are paused: ${paused.join(', ')}.` : '',
      draining.length > 0 ? `${draining.length} queues take nothing new in: ${draining.join(', ')}.` : '',
    ].filter((finding) => finding !== '');
    return held.length > 0
      ? warning(held.join(' '), 'Resume them with queue.resume.', counts)
      : ok('All queues are running.', counts);
  }

  private async checkManagers(): Promise<Finding> {
    const rows = await this.db.query<{ name: string; lost: boolean; last_error: string | null }>(
      'SELECT name, expires_at <= clock_timestamp() AS lost, last_error FROM manager_leases ORDER BY name',
    );
    const lost = rows.filter((row) => row.lost).map((row) => row.name);
    const erring = rows.filter((row) => !row.lost && row.last_error !== null).map((row) => row.name);
    const detail = { managers: rows.length, leaderless: lost, failing: erring };
    if (rows.length === 0 || lost.length > 0)
      return failing(
        'Control loops have no leader.',
        'Start a manager process: npm start runs MANAGERS of them.',
        detail,
      );
    return erring.length > 0
      ? warning(
          `The last run of ${erring.join(', ')} failed.`,
          'Look at the log of the manager processes.',
          detail,
        )
      : ok(`${rows.length} control loops are running.`, detail);
  }

  private async checkCircuits(): Promise<Finding> {
    const states = await this.circuits.states(DEPENDENCIES);
    const held = states.filter((one) => one.forced !== null).map((one) => one.dependency);
    const open = states
      .filter((one) => one.forced === null && one.state !== 'closed')
      .map((one) => one.dependency);
    const detail = Object.fromEntries(states.map((one) => [one.dependency, one.forced ?? one.state]));
    if (open.length > 0)
      return failing(
        `Calls are held back from ${open.join(', ')}.`,
        'See why it fails; the circuit closes by itself.',
        detail,
      );
    return held.length > 0
      ? warning(
          `Circuits are held by hand: ${held.join(', ')}.`,
          'Take them out of settings.circuit_breaker.forced when that is not needed any more.',
          detail,
        )
      : ok('All circuits are closed.', detail);
  }
}
