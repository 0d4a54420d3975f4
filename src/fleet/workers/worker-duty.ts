import { Inject, Injectable } from '@nestjs/common';
import { StepQueues } from '../../media/flow/queues/step-queues';
import { ENV, type Env } from '../../platform/settings/env';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { agentsServed, poolsOf } from '../pools/pools';
import { type WorkerDutyState, WorkerRefusal } from './worker-commands';

/** What this worker is to do: what the settings in force say of its pool, unless it is told to drain. */
@Injectable()
export class WorkerDuty {
  private told = false;
  private ending = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly queues: StepQueues,
    private readonly settings: RuntimeSettings,
  ) {}

  /** What it does now. */
  state(): WorkerDutyState {
    const pools = poolsOf(this.settings.current().fleet);
    const { workerPool: pool, workerConcurrency } = this.env;
    return {
      pool,
      settings_version: this.settings.version(),
      concurrency: pools.get(pool)?.concurrency ?? workerConcurrency,
      agents: agentsServed(pool, pools, this.queues.names),
      draining: this.told || this.ending,
    };
  }

  /** Whether it may take another step when it runs so many. */
  hasRoom(running: number): boolean {
    const { draining, concurrency } = this.state();
    return !draining && running < concurrency;
  }

  /** Take nothing more, or go on. @throws WorkerRefusal if it is to go on but the process is ending */
  drain(draining: boolean): void {
    if (!draining && this.ending) throw new WorkerRefusal('This worker is ending and takes no more steps.');
    this.told = draining;
  }

  /** The process ends: there is no way back. */
  end(): void {
    this.ending = true;
  }
}
