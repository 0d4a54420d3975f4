import { Inject, Injectable } from '@nestjs/common';
import { FleetControl, type WorkerHealth } from '../../../fleet/workers/fleet-control';
import { type Check, failing, type Finding, ok, warning } from './check';

/** An event loop that is later than this keeps a worker from giving signs of life in time, in milliseconds. */
const LATE_LOOP_MS = 500;

/** Asks the workers themselves how they fare. */
@Injectable()
export class WorkerCheck implements Check {
  readonly name = 'workers';
  readonly adviceOnFailure = 'Check Redis first.';
  /** They have two seconds to answer. */
  readonly deadlineMs = 3_000;

  constructor(@Inject(FleetControl) private readonly fleet: FleetControl) {}

  async run(): Promise<Finding> {
    const workers = await this.fleet.health();
    const of = (state: WorkerHealth['state']) => workers.filter((worker) => worker.state === state);
    const healthy = of('healthy');
    const detail = {
      workers: workers.length - of('lost').length,
      active_steps: healthy.reduce((sum, { vitals }) => sum + (vitals?.active_steps.length ?? 0), 0),
      list: workers,
    };
    if (detail.workers === 0) {
      const advice = 'Start one: npm start runs WORKERS of them.';
      return failing('There is no worker: no job goes on.', advice, detail);
    }
    if (healthy.length === 0)
      return failing('No worker answers.', 'Restart them; their steps go to others.', detail);
    const troubled = workers.filter((worker) => worker.state !== 'healthy');
    if (troubled.length > 0) {
      const named = troubled.map(({ worker_id, state }) => `${worker_id} (${state})`).join(', ');
      return warning(`Not all workers answer: ${named}.`, 'Restart those that are not back soon.', detail);
    }
    const late = healthy.filter(({ vitals }) => (vitals?.loop_delay_ms.p99 ?? 0) > LATE_LOOP_MS);
    if (late.length > 0) {
      const named = late.map(({ worker_id }) => worker_id).join(', ');
      return warning(`Workers are slow to react: ${named}.`, 'Lower their concurrency.', detail);
    }
    if (healthy.every(({ vitals }) => vitals?.draining)) {
      return warning('All workers are draining: no step is taken.', 'Resume one, or start another.', detail);
    }
    return ok(`${healthy.length} workers answer.`, detail);
  }
}
