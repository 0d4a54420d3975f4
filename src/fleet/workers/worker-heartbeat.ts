import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { MediaToolset } from '../../media/flow/media-toolset';
import { StepQueues } from '../../media/flow/queues/step-queues';
import { ENV, type Env } from '../../platform/settings/env';
import { RunningSteps } from './running-steps';
import { WorkerRegistry } from './worker-registry';

const INTERVAL_MS = 2_000;

/** Tells the registry every two seconds that this worker is alive, and what it does. */
@Injectable()
export class WorkerHeartbeat {
  private readonly log = new Logger(WorkerHeartbeat.name);
  private readonly startedAt = new Date().toISOString();
  private readonly loopDelay = monitorEventLoopDelay({ resolution: 20 });
  private capabilities: object = {};
  private isDraining: () => boolean = () => false;
  private timer?: NodeJS.Timeout;
  private failing = false;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly registry: WorkerRegistry,
    private readonly queues: StepQueues,
    private readonly running: RunningSteps,
    private readonly tools: MediaToolset,
  ) {}

  /** Begins. @throws AgentError TOOL_UNAVAILABLE if this host has no media tools */
  async start(isDraining: () => boolean): Promise<void> {
    this.isDraining = isDraining;
    this.capabilities = await this.tools.capabilities();
    this.loopDelay.enable();
    await this.beat();
    this.timer = setInterval(() => void this.beat(), INTERVAL_MS);
  }

  /** Ends, and says goodbye. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.loopDelay.disable();
    try {
      await this.registry.leave(this.env.workerId);
    } catch (error) {
      // The registry forgets it by itself.
      this.log.debug(`No goodbye: ${(error as Error).message}`);
    }
  }

  private async beat(): Promise<void> {
    const delayMs = this.loopDelay.max / 1e6;
    this.loopDelay.reset();
    try {
      await this.registry.say({
        worker_id: this.env.workerId,
        pool: this.env.workerPool,
        pid: process.pid,
        started_at: this.startedAt,
        concurrency: this.env.workerConcurrency,
        active_steps: this.running.list(),
        queues: this.queues.names,
        draining: this.isDraining(),
        capabilities: this.capabilities,
        rss_bytes: process.memoryUsage.rss(),
        loop_delay_ms: Math.round(delayMs * 10) / 10,
      });
      this.failing = false;
    } catch (error) {
      if (!this.failing) this.log.warn(`The registry does not hear this worker: ${(error as Error).message}`);
      this.failing = true;
    }
  }
}
