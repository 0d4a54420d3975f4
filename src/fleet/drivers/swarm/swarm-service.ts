import { constants } from 'node:os';
import type { ServiceSpec } from 'dockerode';
import { DEFAULT_POOL } from '../../../platform/settings/fleet.settings';
import {
  RUNTIME_ROLES,
  type RuntimeRole,
  type RuntimeService,
  type RuntimeState,
} from '../../runtime-driver';
import type { SwarmService, SwarmTask } from './docker-engine';

/** The labels of Swarm services that the driver reads (those of docker/stack.yaml) and writes. */
export const LABELS = {
  /** Of `docker stack deploy`: which stack it belongs to. */
  stack: 'com.docker.stack.namespace',
  /** What the service does: one of RUNTIME_ROLES. A service without it is not ours to see. */
  role: 'com.agentos.role',
  /** What the driver calls it. */
  name: 'com.agentos.name',
  /** The pool of a worker; one without it belongs to the pool `default`. */
  pool: 'com.agentos.pool',
  /** On a stopped service: with how many replicas it is started. */
  replicas: 'com.agentos.replicas',
  /** On a service of the stack that was scaled away; it stays, with no replicas, to be taken up again. */
  retired: 'com.agentos.retired',
  /** On a service that the driver made: the service of the stack that it is like, by the engine's name. */
  cloneOf: 'com.agentos.clone-of',
} as const;

/** States of tasks that have ended by themselves; one that the Swarm ended is in `shutdown`. */
const ENDED_BY_ITSELF: readonly string[] = ['complete', 'failed', 'rejected', 'orphaned'];
const ENDED: readonly string[] = [...ENDED_BY_ITSELF, 'shutdown', 'remove'];

/** Signals by number, for exit codes above 128. */
const SIGNALS = new Map(Object.entries(constants.signals).map(([name, number]) => [number, name]));

/** The value of a label; undefined if the service has none. */
export function label(service: SwarmService, name: string): string | undefined {
  return service.Spec.Labels?.[name];
}

/** The role of a service; undefined for one that is not the driver's. */
export function roleOf(service: SwarmService): RuntimeRole | undefined {
  const given = label(service, LABELS.role);
  return RUNTIME_ROLES.find((role) => role === given);
}

/** What the driver calls a service: its label, else the engine's name for it. */
export function nameOf(service: SwarmService): string {
  return label(service, LABELS.name) ?? service.Spec.Name ?? service.ID;
}

/** The pool of a worker. */
export function poolOf(service: SwarmService): string {
  return label(service, LABELS.pool) ?? DEFAULT_POOL;
}

/** How many replicas the Swarm is to run. */
export function replicasOf(service: SwarmService): number {
  return service.Spec.Mode?.Replicated?.Replicas ?? 1;
}

/** Whether the Swarm checks the health of its containers, and lets none count as running before it is healthy. */
export function hasHealthCheck(service: SwarmService): boolean {
  const template = service.Spec.TaskTemplate;
  const test =
    template && 'ContainerSpec' in template ? template.ContainerSpec?.HealthCheck?.Test : undefined;
  return test !== undefined && test.length > 0 && test[0] !== 'NONE';
}

/** The specification with another number of replicas and other labels; undefined removes a label. */
export function revised(
  spec: ServiceSpec,
  replicas: number,
  labels: Record<string, string | undefined>,
): ServiceSpec {
  const all = Object.entries({ ...spec.Labels, ...labels });
  return {
    ...spec,
    Labels: Object.fromEntries(all.flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]))),
    Mode: { Replicated: { Replicas: replicas } },
  };
}

/** Whether a task has ended, for whatever reason. */
export function hasEnded(task: SwarmTask): boolean {
  return ENDED.includes(task.Status.State);
}

/** Whether a task crashed, ended or never came up, without the Swarm having wanted that. */
export function endedByItself(task: SwarmTask): boolean {
  return ENDED_BY_ITSELF.includes(task.Status.State);
}

/** Whether a task runs (and is healthy, where its container has a health check) and is to go on. */
export function isRunning(task: SwarmTask): boolean {
  return task.Status.State === 'running' && task.DesiredState === 'running';
}

/** How a task ended: "exit code 1", "SIGKILL", or why it could not start. */
export function exitOf({ Status: { State, Err, ContainerStatus } }: SwarmTask): string {
  if (State === 'rejected') return Err ?? 'rejected';
  if (State === 'orphaned') return 'its node was lost';
  const code = ContainerStatus?.ExitCode ?? 0;
  return SIGNALS.get(code - 128) ?? `exit code ${code}`;
}

/** A service as every driver describes one. `pid` is that of its machine; null while several replicas run. */
export function describe(
  service: SwarmService,
  role: RuntimeRole,
  tasks: readonly SwarmTask[],
): RuntimeService {
  const own = ownTasks(service, tasks);
  const [newest] = own;
  const running = own.filter(isRunning);
  const single = replicasOf(service) === 1 ? running[0] : undefined;
  const ended = own.find(hasEnded);
  return {
    name: nameOf(service),
    role,
    pool: role === 'worker' ? poolOf(service) : null,
    state: stateOf(replicasOf(service), own, running.length),
    pid: single?.Status.ContainerStatus?.PID ?? null,
    since: (running[0] ?? newest)?.Status.Timestamp ?? service.UpdatedAt ?? new Date().toISOString(),
    restarts: own.filter(endedByItself).length,
    last_exit: ended ? exitOf(ended) : null,
  };
}

/** The tasks of a service, newest first. */
export function ownTasks(service: SwarmService, tasks: readonly SwarmTask[]): SwarmTask[] {
  return tasks
    .filter((task) => task.ServiceID === service.ID)
    .sort((a, b) => b.CreatedAt.localeCompare(a.CreatedAt));
}

function stateOf(wanted: number, tasks: readonly SwarmTask[], running: number): RuntimeState {
  const living = tasks.filter((task) => !hasEnded(task));
  if (wanted === 0) return living.length > 0 ? 'stopping' : 'stopped';
  if (running >= wanted) return 'running';
  if (living.some((task) => task.DesiredState === 'ready')) return 'backing_off';
  // None yet: the Swarm makes them in a moment. All ended: its restart policy does not want another.
  return living.length > 0 || tasks.length === 0 ? 'starting' : 'failed';
}
