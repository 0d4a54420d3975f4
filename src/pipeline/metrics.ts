import { Counter, Gauge, Histogram } from 'prom-client';
import { registry } from '../platform/telemetry/metrics';

/** Actions that went through the pipeline, by name and by what they were answered with. */
export const actionsTotal = new Counter({
  name: 'agentos_actions_total',
  help: 'Actions by name and answer (success, replayed or an error code); unknown names count as one',
  labelNames: ['action', 'answer'],
  registers: [registry],
});

/** How long actions take, from the first stage to the answer. */
export const actionDuration = new Histogram({
  name: 'agentos_action_duration_seconds',
  help: 'Time of an action in the pipeline',
  labelNames: ['action'],
  buckets: [0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
  registers: [registry],
});

/** Circuits as they stand for this process: 0 closed, 1 probing, 2 open. */
export const circuitState = new Gauge({
  name: 'agentos_circuit_state',
  help: 'Circuit of a dependency as it stands for this process: 0 closed, 1 probing, 2 open',
  labelNames: ['dependency'],
  registers: [registry],
});

/** Changes of the shared circuits; each is counted by the process whose call made it. */
export const circuitTransitions = new Counter({
  name: 'agentos_circuit_transitions_total',
  help: 'Changes of the circuit of a dependency that this process caused, by what it became',
  labelNames: ['dependency', 'to'],
  registers: [registry],
});

/** Denials by code; the audit holds each of them, floods as one entry with their number. */
export const denialsTotal = new Counter({
  name: 'agentos_denials_total',
  help: 'Refused actions by error code',
  labelNames: ['code'],
  registers: [registry],
});
