import { Inject } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { RollupCounting } from './rollup-counting';

/** Changes per transaction: a stop waits for one. */
const BATCH = 5_000;
/** Time between two removals of what is too old, in milliseconds. */
const FORGET_EVERY_MS = 600_000;

/**
 * Counts what happened to jobs and steps into roll-ups. Readers add what is not counted yet, so they are never
 * behind; this keeps that little. Two that both believe to lead take different changes, so a late one harms nothing.
 */
@ControlLoop()
export class MetricsRollup implements Manager {
  readonly name = 'metrics-rollup';
  readonly intervalMs = 2_000;
  private forgotAt = Number.NEGATIVE_INFINITY;

  constructor(@Inject(RollupCounting) private readonly counting: RollupCounting) {}

  async run({ signal }: Pick<ManagerRun, 'signal'>): Promise<ManagerReport> {
    let items = 0;
    for (let counted = BATCH; counted === BATCH && !signal.aborted; items += counted)
      counted = await this.counting.count(BATCH);
    if (performance.now() - this.forgotAt >= FORGET_EVERY_MS && !signal.aborted) {
      await this.counting.forget();
      this.forgotAt = performance.now();
    }
    return { items };
  }
}
