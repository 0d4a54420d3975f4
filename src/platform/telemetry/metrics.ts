import { collectDefaultMetrics, Counter, type Histogram, Registry } from 'prom-client';
import { allHttpSeries } from './http-series';

/** What GET /metrics shows of this process. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry, prefix: 'agentos_' });

/** Answers by route template. They are counted in their series (http-series.ts), and only shown here. */
new Counter({
  name: 'agentos_http_requests_total',
  help: 'Answered HTTP requests',
  labelNames: ['method', 'route', 'status'],
  registers: [registry],
  collect() {
    this.reset();
    for (const { labels, count } of allHttpSeries().flatMap((series) => series.counts()))
      this.inc(labels, count);
  },
});

const DURATION = 'agentos_http_request_duration_seconds';

/** Time from the first byte of a request to the end of its answer; what a registry asks of a metric. */
const httpDuration = {
  name: DURATION,
  get: () =>
    Promise.resolve({
      name: DURATION,
      help: 'Duration of HTTP requests in seconds',
      type: 'histogram',
      aggregator: 'sum',
      values: allHttpSeries().flatMap((series) => series.durations(DURATION)),
    }),
};
// A histogram of prom-client makes names of its labels for each observation, and cannot be given counts.
registry.registerMetric(httpDuration as unknown as Histogram);
