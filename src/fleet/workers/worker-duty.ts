import { Inject, Injectable } from '@nestjs/common';
import { StepQueues } from '../../media/flow/queues/step-queues';
import { ENV, type Env } from '../../platform/settings/env';
import { type WorkerConfig, type WorkerDutyState, WorkerRefusal } from './worker-commands';

/** As for WORKER_CONCURRENCY. */
const MAX_CONCURRENCY = 32;

/** What this worker is to do: from the environment at first, then as it is told. */
@Injectable()
export class WorkerDuty {
  private concurrency: number;
  /** Null: all, also those that are added later. */
  private chosen: readonly string[] | null = null;
  private told = false;
  private ending = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly queues: StepQueues,
  ) {
    this.concurrency = env.workerConcurrency;
  }

  /** What it does now. */
  state(): WorkerDutyState {
    return { concurrency: this.concurrency, agents: this.agents(), draining: this.told || this.ending };
  }

  /** Whether it may take another step when it runs so many. */
  hasRoom(running: number): boolean {
    return !this.told && !this.ending && running < this.concurrency;
  }

  /** All of the change, or nothing. @throws WorkerRefusal if a value is wrong */
  configure({ concurrency, agents }: WorkerConfig): void {
    if (concurrency !== undefined && concurrency !== null) {
      if (!Number.isInteger(concurrency) || concurrency < 1 || concurrency > MAX_CONCURRENCY)
        throw new WorkerRefusal(`The concurrency must be a whole number from 1 to ${MAX_CONCURRENCY}.`);
    }
    if (agents) {
      const unknown = agents.filter((agent) => !this.queues.names.includes(agent));
      if (unknown.length > 0) throw new WorkerRefusal(`This worker has no agent ${unknown.join(', ')}.`);
      if (agents.length === 0)
        throw new WorkerRefusal('A worker serves at least one agent; drain it instead.');
    }
    if (concurrency !== undefined) this.concurrency = concurrency ?? this.env.workerConcurrency;
    if (agents !== undefined) this.chosen = agents;
  }

  /** Those that it serves, in the order of the graph, each once. */
  private agents(): readonly string[] {
    const { chosen } = this;
    return chosen ? this.queues.names.filter((name) => chosen.includes(name)) : this.queues.names;
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
