import { Counter } from 'prom-client';
import { registry } from '../platform/telemetry/metrics';

/** Builds of the read model by this process: for the cache of all, or directly for want of Redis. */
export const snapshotBuilds = new Counter({
  name: 'agentos_ssot_builds_total',
  help: 'Builds of the read model',
  labelNames: ['source'],
  registers: [registry],
});

/** Reads of the read model, by where they were answered from (`hit`, `miss`, `stale`). */
export const snapshotReads = new Counter({
  name: 'agentos_ssot_reads_total',
  help: 'Reads of the read model',
  labelNames: ['cache'],
  registers: [registry],
});
