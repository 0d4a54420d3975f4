import { Counter, Gauge, Histogram } from 'prom-client';
import { registry } from '../platform/telemetry/metrics';

/** Runs of the control loops in this process, by outcome (`success`, `failure`). */
export const managerRuns = new Counter({
  name: 'agentos_manager_runs_total',
  help: 'Runs of control loops',
  labelNames: ['manager', 'outcome'],
  registers: [registry],
});

/** How long the runs took. */
export const managerDuration = new Histogram({
  name: 'agentos_manager_run_duration_seconds',
  help: 'Duration of the runs of control loops in seconds',
  labelNames: ['manager'],
  buckets: [0.005, 0.02, 0.1, 0.5, 2, 10, 60],
  registers: [registry],
});

/** 1 for each loop that this process leads. */
export const managerLeads = new Gauge({
  name: 'agentos_manager_leads',
  help: 'Whether this process leads the control loop',
  labelNames: ['manager'],
  registers: [registry],
});
