import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Injectable } from '@nestjs/common';
import { RunningSteps } from './running-steps';
import type { WorkerVitals as Vitals } from './worker-commands';
import { WorkerDuty } from './worker-duty';
import { WorkerTroubles } from './worker-troubles';

const RESOLUTION_MS = 20;
/** How long one measurement lasts, in milliseconds. */
const WINDOW_MS = 10_000;

/** The numbers of one window. */
interface Measured {
  loop_delay_ms: { p50: number; p99: number };
  cpu_cores: number;
}

/** Measures how this worker fares. */
@Injectable()
export class WorkerVitals {
  private readonly loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  private cpu = process.cpuUsage();
  private startedAt = performance.now();
  private previous?: Measured;
  private timer?: NodeJS.Timeout;

  constructor(
    private readonly duty: WorkerDuty,
    private readonly running: RunningSteps,
    private readonly troubles: WorkerTroubles,
  ) {}

  start(): void {
    this.loop.enable();
    this.timer = setInterval(() => this.turn(), WINDOW_MS);
  }

  stop(): void {
    clearInterval(this.timer);
    this.loop.disable();
  }

  /** How it fares now. */
  read(): Vitals {
    const { rss, heapUsed, heapTotal } = process.memoryUsage();
    return {
      ...this.duty.state(),
      ...worse(this.previous, this.measured()),
      uptime_s: Math.round(process.uptime()),
      memory: { rss_bytes: rss, heap_used_bytes: heapUsed, heap_total_bytes: heapTotal },
      active_steps: this.running.list(),
      last_error: this.troubles.last,
    };
  }

  private turn(): void {
    this.previous = this.measured();
    this.loop.reset();
    this.cpu = process.cpuUsage();
    this.startedAt = performance.now();
  }

  private measured(): Measured {
    const { user, system } = process.cpuUsage(this.cpu);
    const elapsedMs = Math.max(1, performance.now() - this.startedAt);
    return {
      loop_delay_ms: {
        p50: lateness(this.loop.percentile(50)),
        p99: lateness(this.loop.percentile(99)),
      },
      cpu_cores: Math.round(((user + system) / 1_000 / elapsedMs) * 100) / 100,
    };
  }
}

/** What the histogram has in nanoseconds, without the time that it meant to wait; in milliseconds. */
export function lateness(nanoseconds: number): number {
  return Math.max(0, Math.round((nanoseconds / 1e6 - RESOLUTION_MS) * 10) / 10);
}

/** Of two windows the worse: a stall that ended a moment ago is not to be missed. */
function worse(before: Measured | undefined, now: Measured): Measured {
  if (!before) return now;
  return {
    loop_delay_ms: {
      p50: Math.max(before.loop_delay_ms.p50, now.loop_delay_ms.p50),
      p99: Math.max(before.loop_delay_ms.p99, now.loop_delay_ms.p99),
    },
    cpu_cores: Math.max(before.cpu_cores, now.cpu_cores),
  };
}
