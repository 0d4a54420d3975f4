import { collectDefaultMetrics, Counter, Histogram, Registry } from 'prom-client';

/** What GET /metrics shows of this process. */
export const registry = new Registry();
collectDefaultMetrics({ register: registry, prefix: 'agentos_' });

/** Answers by route template, so that ids in paths make no new series. */
export const httpRequests = new Counter({
  name: 'agentos_http_requests_total',
  help: 'Answered HTTP requests',
  labelNames: ['method', 'route', 'status'],
  registers: [registry],
});

/** Time from the first byte of a request to the end of its answer. */
export const httpDuration = new Histogram({
  name: 'agentos_http_request_duration_seconds',
  help: 'Duration of HTTP requests in seconds',
  labelNames: ['method', 'route'],
  buckets: [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30],
  registers: [registry],
});
