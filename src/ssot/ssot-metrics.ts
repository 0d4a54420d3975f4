import { Counter } from 'prom-client';
import { registry } from '../platform/telemetry/metrics';

/** Builds of the read model by this process: for the cache of all, or directly for want of Redis. */
export const snapshotBuilds = new Counter({
  name: 'agentos_ssot_builds_total',
  help: 'Builds of the read model',
  labelNames: ['source'],
  registers: [registry],
});

/** Reads of the read model, by where they were answered from. A number each, since every hit is counted. */
export const snapshotReads = { hit: 0, miss: 0, stale: 0 };

new Counter({
  name: 'agentos_ssot_reads_total',
  help: 'Reads of the read model',
  labelNames: ['cache'],
  registers: [registry],
  collect() {
    this.reset();
    for (const [cache, count] of Object.entries(snapshotReads)) this.inc({ cache }, count);
  },
});
