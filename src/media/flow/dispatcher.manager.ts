import { Logger } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { LostSteps } from '../steps/lost-steps';
import { QueueDraining } from './queues/queue-draining';
import { QueueMaintenance } from './queues/queue-maintenance';
import { StepSweep } from './step-sweep';
import { UntoldEnds } from './untold-ends';

/** Runs between two looks for jobs that nobody advances; such would take a fault of ours. */
const HEAL_EVERY = 10;

/**
 * Makes Redis follow Postgres, and gives the steps of lost workers to others. Each part stands alone: with Redis
 * away, lost steps are still recovered. Every write is conditional, so a run that is late harms nothing.
 */
@ControlLoop()
export class DispatcherManager implements Manager {
  readonly name = 'dispatcher';
  readonly intervalMs = 1_000;
  private readonly log = new Logger(DispatcherManager.name);
  private runs = 0;

  constructor(
    private readonly lost: LostSteps,
    private readonly sweep: StepSweep,
    private readonly queues: QueueMaintenance,
    private readonly draining: QueueDraining,
    private readonly untold: UntoldEnds,
  ) {}

  /** One round; the number of things that it put right. */
  async run({ signal }: ManagerRun): Promise<ManagerReport> {
    this.runs += 1;
    const parts: (() => Promise<number>)[] = [
      () => this.lost.recover(),
      () => this.queues.applyPaused(),
      () => this.draining.settle(),
      () => this.queues.clearStalled(),
      () => this.sweep.run(signal),
      () => this.queues.publishCounts(),
      () => this.untold.tell(),
    ];
    if (this.runs % HEAL_EVERY === 0) parts.push(() => this.lost.healJobs());
    const errors: Error[] = [];
    let items = 0;
    for (const part of parts) {
      if (signal.aborted) break;
      try {
        items += await part();
      } catch (error) {
        errors.push(error as Error);
      }
    }
    if (errors.length > 0) throw new AggregateError(errors, errors.map((error) => error.message).join('; '));
    if (items > 0) this.log.debug(`${items} things put right`);
    return { items };
  }
}
