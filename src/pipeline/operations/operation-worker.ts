import { InjectQueue } from '@nestjs/bull';
import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  Logger,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { Queue } from 'bull';
import { setTimeout as delay } from 'node:timers/promises';
import { ENV, type Env } from '../../platform/settings/env';
import { type OperationJob, OPERATIONS } from './operation-queue';
import { OperationRunner } from './operation-runner';
import { reasonOf } from '../../platform/errors/unavailable';

/** How long it may take to leave the queue, in milliseconds. */
const LEAVE_MS = 2_000;

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
    await Promise.all([this.takeNoMore(), this.runner.stop()]);
  }

  /** Without Redis, Bull would wait for that before it lets go of the queue, and hold up the end of the process. */
  private async takeNoMore(): Promise<void> {
    const paused = this.queue.pause(true, true).then(
      () => true,
      () => false,
    );
    if (await Promise.race([paused, delay(LEAVE_MS, false, { ref: false })])) return;
    this.log.warn('The queue of operations is left as it is: Redis does not answer');
    // What Bull takes as the sign that it is closed. Its connections are ended with all others to Redis.
    Object.assign(this.queue, { closing: Promise.resolve() });
  }
}
