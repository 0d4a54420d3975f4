import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Inject, Injectable, Logger } from '@nestjs/common';
import { MediaToolset } from '../../media/flow/media-toolset';
import { ENV, type Env } from '../../platform/settings/env';
import { RunningSteps } from './running-steps';
import { WorkerDuty } from './worker-duty';
import { BEAT_MS, WorkerRegistry } from './worker-registry';
import { lateness } from './worker-vitals';
import { reasonOf } from '../../platform/errors/unavailable';
import { FailureLog } from '../../platform/telemetry/failure-log';

/** Tells the registry every two seconds that this worker is alive, and what it does. */
@Injectable()
export class WorkerHeartbeat {
  private readonly log = new Logger(WorkerHeartbeat.name);
  private readonly startedAt = new Date().toISOString();
  private readonly loopDelay = monitorEventLoopDelay({ resolution: 20 });
  private capabilities: object = {};
  private timer?: NodeJS.Timeout;
  private readonly beats = new FailureLog(this.log, {
    fails: 'The registry does not hear this worker',
    again: 'The registry hears this worker again',
  });

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly registry: WorkerRegistry,
    private readonly duty: WorkerDuty,
    private readonly running: RunningSteps,
    private readonly tools: MediaToolset,
  ) {}

  /** Begins. @throws AgentError TOOL_UNAVAILABLE if this host has no media tools */
  async start(): Promise<void> {
    this.capabilities = await this.tools.capabilities();
    this.loopDelay.enable();
    await this.beat();
    this.timer = setInterval(() => void this.beat(), BEAT_MS);
  }

  /** Ends, and says goodbye. */
  async stop(): Promise<void> {
    clearInterval(this.timer);
    this.loopDelay.disable();
    try {
      await this.registry.leave(this.env.workerId);
    } catch (error) {
      // The registry forgets it by itself.
      this.log.debug(`No goodbye: ${reasonOf(error)}`);
    }
  }

  private async beat(): Promise<void> {
    const loop_delay_ms = lateness(this.loopDelay.max);
    const { pool, concurrency, agents, draining } = this.duty.state();
    this.loopDelay.reset();
    try {
      await this.registry.say({
        worker_id: this.env.workerId,
        pool,
        service: this.env.serviceName ?? null,
        pid: process.pid,
        started_at: this.startedAt,
        concurrency,
        active_steps: this.running.list(),
        queues: agents,
        draining,
        capabilities: this.capabilities,
        rss_bytes: process.memoryUsage.rss(),
        loop_delay_ms,
      });
      this.beats.succeeded();
    } catch (error) {
      this.beats.failed(error);
    }
  }
}
