import { Counter, Gauge } from 'prom-client';
import { registry } from '../platform/telemetry/metrics';

/** Open connections of this process. */
export const gatewayConnections = new Gauge({
  name: 'agentos_gateway_connections',
  help: 'Open WebSocket connections',
  registers: [registry],
});

/** Events that were delivered to subscribers. */
export const gatewayDeliveries = new Counter({
  name: 'agentos_gateway_deliveries_total',
  help: 'Events written to subscribers',
  registers: [registry],
});

/** Connections that the server closed, by code. */
export const gatewayCloses = new Counter({
  name: 'agentos_gateway_closes_total',
  help: 'WebSocket connections closed by the server',
  labelNames: ['code'],
  registers: [registry],
});

/** Subscriptions that asked to resume, by whether nothing was missed (`true`, `false`). */
export const gatewayResumes = new Counter({
  name: 'agentos_gateway_resumes_total',
  help: 'Resumed subscriptions',
  labelNames: ['recovered'],
  registers: [registry],
});
