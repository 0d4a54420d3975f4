import { InjectQueue } from '@nestjs/bull';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Queue } from 'bull';
import { ENV, type Env } from '../../platform/settings/env';
import { type OperationJob, OPERATIONS } from './operation-queue';
import { OperationRunner } from './operation-runner';
import { reasonOf } from '../../platform/errors/unavailable';

/** Takes operations from their queue, in a manager process. */
@Injectable()
export class OperationWorker implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly log = new Logger(OperationWorker.name);

  constructor(
    @InjectQueue(OPERATIONS) private readonly queue: Queue<OperationJob>,
    @Inject(OperationRunner) private readonly runner: OperationRunner,
    @Inject(ENV) private readonly env: Env,
  ) {}

  onApplicationBootstrap(): void {
    this.queue.on('error', (error) => this.log.warn(`The queue of operations: ${reasonOf(error)}`));
    // Settles when the queue is closed, so it is not awaited.
    this.queue
      .process(this.env.operationsConcurrency, (job) => this.runner.run(job.data.execution_id))
      .catch((error: Error) =>
        this.log.error(`Operations are not taken any more: ${reasonOf(error)}`, error.stack),
      );
  }

  /** Takes nothing more and gives back what is running. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.queue.pause(true, true);
    await this.runner.stop();
  }
}
