/** What a service does. `postgres` and `redis` are listed where the driver runs them. */
export const RUNTIME_ROLES = ['api', 'worker', 'manager', 'postgres', 'redis'] as const;
export type RuntimeRole = (typeof RUNTIME_ROLES)[number];

/**
 * `backing_off`: it ended by itself and is started again soon. `failed`: it ended too often in a row and was
 * given up; only a start or restart brings it back.
 */
export type RuntimeState = 'starting' | 'running' | 'stopping' | 'stopped' | 'backing_off' | 'failed';

/** One service (a process, or a replica) as its driver sees it. */
export interface RuntimeService {
  name: string;
  role: RuntimeRole;
  /** The pool of a worker; null for every other role. */
  pool: string | null;
  state: RuntimeState;
  pid: number | null;
  /** When it got into this state, ISO 8601. */
  since: string;
  /** How often it was started again after ending by itself. */
  restarts: number;
  /** How it ended last ("exit code 1", "SIGKILL"), or null. */
  last_exit: string | null;
}

/** One line that a service wrote, oldest first in an answer. `at` is null where the source keeps no time. */
export interface RuntimeLogLine {
  at: string | null;
  line: string;
}

/** The most lines of a log that are read at a time. */
export const MAX_LOG_LINES = 10_000;

/** Which services a scaling is about. */
export interface ScaleScope {
  /** Only the workers of this pool; those of the pool `default` if not given. */
  pool?: string;
  /** The names of those that go first when there are to be fewer, in this order; else the newest do. */
  first?: readonly string[];
}

/** How many services of a role (of workers: of a pool) are wanted, and were before. */
export interface RuntimeScale {
  role: RuntimeRole;
  replicas: number;
  previous: number;
}

/**
 * - `UNKNOWN_SERVICE`: no service has that name
 * - `NOT_SCALABLE`: the role has a fixed number of services
 * - `EXISTS`: a service has that name already
 * - `INVALID`: the request itself is wrong
 * - `UNAVAILABLE`: the driver's other end does not answer
 * - `FAILED`: it was tried and did not work
 */
export type RuntimeErrorCode =
  'UNKNOWN_SERVICE' | 'NOT_SCALABLE' | 'EXISTS' | 'INVALID' | 'UNAVAILABLE' | 'FAILED';

/** Why a driver could not do what it was asked; the message is a sentence for people. */
export class RuntimeDriverError extends Error {
  override name = 'RuntimeDriverError';

  constructor(
    readonly code: RuntimeErrorCode,
    message: string,
  ) {
    super(message);
  }
}

/**
 * Starts, stops, scales and kills services, and reads their logs. What one driver does, every other does
 * alike: the contract test (test/support/runtime-driver.contract.ts) is run against each.
 *
 * Every method rejects with a {@link RuntimeDriverError}.
 */
export interface RuntimeDriver {
  readonly kind: 'process' | 'swarm';
  list(): Promise<RuntimeService[]>;
  /** Starts a stopped or failed service, and resolves when it is ready. A running one is left alone. */
  start(name: string): Promise<RuntimeService>;
  /** Stops gracefully and resolves when it has ended; it stays stopped. A stopped one is left alone. */
  stop(name: string): Promise<RuntimeService>;
  /** Stops gracefully, then starts; resolves when it is ready again. */
  restart(name: string): Promise<RuntimeService>;
  /** Ends it at once (SIGKILL to its process group). It is started again like after any crash. */
  kill(name: string): Promise<RuntimeService>;
  /** Makes it `replicas` services of a role, of workers in a pool; those taken away are stopped gracefully. */
  scale(role: RuntimeRole, replicas: number, scope?: ScaleScope): Promise<RuntimeScale>;
  /** One more worker of a pool, under a name of its own; resolves when it is ready. One that fails is gone again. */
  addWorker(pool: string, name: string): Promise<RuntimeService>;
  /** The newest `limit` lines (1 to 10,000), oldest first. */
  logs(name: string, limit: number): Promise<RuntimeLogLine[]>;
}
