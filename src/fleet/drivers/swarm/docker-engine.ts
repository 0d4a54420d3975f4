import Docker from 'dockerode';
import type { DockerAddress } from '../../../platform/settings/runtime-env';
import { RuntimeDriverError } from '../../runtime-driver';

/** How long one answer of the engine may take, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 10_000;

/** A Swarm service, as the engine tells of it. */
export type SwarmService = Pick<Docker.Service, 'ID' | 'Version' | 'UpdatedAt' | 'UpdateStatus'> & {
  Spec: Docker.ServiceSpec;
};

/** One life of a replica of a service: the engine replaces it by another, and keeps some that have ended. */
export interface SwarmTask {
  ID: string;
  ServiceID: string;
  /** Where it runs; missing until it was given a place. */
  NodeID?: string;
  CreatedAt: string;
  /** What the Swarm wants of it: `ready` while it waits for its restart delay. */
  DesiredState: string;
  Status: {
    Timestamp: string;
    State: string;
    Err?: string;
    ContainerStatus?: { ContainerID?: string; PID?: number; ExitCode?: number };
  };
}

/** Somebody else changed it meanwhile; read it anew and try again. */
export class ConflictError extends RuntimeDriverError {}

interface EngineError extends Error {
  statusCode?: number;
  json?: unknown;
}

/** The part of the Docker Engine API that the driver uses; each call is bounded in time, and rejects with a RuntimeDriverError. */
export class DockerEngine {
  private readonly docker: Docker;

  /**
   * @param address the engine of a manager node of the Swarm
   * @param timeoutMs how long one answer may take
   */
  constructor(
    address: DockerAddress,
    private readonly timeoutMs = DEFAULT_TIMEOUT_MS,
  ) {
    this.docker = new Docker({ ...address, protocol: 'http' });
  }

  /** The services with this label (`name=value`). */
  async services(label: string): Promise<SwarmService[]> {
    const services = await this.call((abortSignal) =>
      this.docker.listServices({ filters: { label: [label] }, abortSignal }),
    );
    return services.map((service) => ({ ...service, Spec: service.Spec ?? {} }));
  }

  /** The service as it is now. */
  async service(service: SwarmService): Promise<SwarmService> {
    const now = await this.call(
      (abortSignal) => this.docker.getService(service.ID).inspect({ abortSignal }) as Promise<Docker.Service>,
    );
    return { ...now, Spec: now.Spec ?? {} };
  }

  /** Makes a service; it is there when this resolves, and its tasks come soon. @throws ConflictError if it exists */
  async create(spec: Docker.ServiceSpec): Promise<void> {
    await this.call((abortSignal) => this.docker.createService({ ...spec, abortSignal }));
  }

  /** Gives a service a new specification. @throws ConflictError if it is not as it was read any more */
  async update(service: SwarmService, spec: Docker.ServiceSpec): Promise<void> {
    const request = { _query: { version: service.Version?.Index }, _body: spec };
    await this.call((abortSignal) => this.docker.getService(service.ID).update({ ...request, abortSignal }));
  }

  async remove(service: SwarmService): Promise<void> {
    await this.call((abortSignal) => this.docker.getService(service.ID).remove({ abortSignal }));
  }

  /** The tasks of these services, those that have ended included as far as the Swarm remembers them. */
  async tasks(services: readonly SwarmService[]): Promise<SwarmTask[]> {
    // An empty filter would mean all.
    if (services.length === 0) return [];
    const filters = { service: services.map((service) => service.ID) };
    return this.call(
      (abortSignal) => this.docker.listTasks({ filters, abortSignal }) as Promise<SwarmTask[]>,
    );
  }

  /** The newest `tail` lines of each task, as the engine's framed stream. */
  async logs(service: SwarmService, tail: number): Promise<Buffer> {
    const options = { stdout: true, stderr: true, timestamps: true, details: true, tail };
    return this.call(
      async (abortSignal) =>
        (await this.docker.getService(service.ID).logs({ ...options, abortSignal })) as unknown as Buffer,
    );
  }

  /** The Swarm's id of the node whose engine this is. */
  async nodeId(): Promise<string> {
    const info = await this.call(() => this.docker.info() as Promise<{ Swarm?: { NodeID?: string } }>);
    return info.Swarm?.NodeID ?? '';
  }

  /** SIGKILL to a container of this node; one that has ended is left alone. */
  async kill(containerId: string): Promise<void> {
    const container = this.docker.getContainer(containerId);
    await this.call(async (abortSignal) => {
      try {
        await container.kill({ signal: 'SIGKILL', abortSignal });
      } catch (error) {
        // 404: it is gone; 409: it does not run.
        if (![404, 409].includes((error as EngineError).statusCode ?? 0)) throw error;
      }
    });
  }

  private async call<T>(run: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const abort = new AbortController();
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        reject(unavailable(`it did not answer within ${this.timeoutMs / 1000} s`));
        abort.abort();
      }, this.timeoutMs);
    });
    const answer = run(abort.signal);
    // When it is late, nobody hears how it ended.
    answer.catch(() => undefined);
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      throw error instanceof RuntimeDriverError ? error : translated(error as EngineError);
    } finally {
      clearTimeout(timer);
    }
  }
}

function unavailable(reason: string): RuntimeDriverError {
  return new RuntimeDriverError('UNAVAILABLE', `The Docker engine cannot be used: ${reason}.`);
}

function translated(error: EngineError): RuntimeDriverError {
  const { statusCode } = error;
  if (statusCode === undefined) return unavailable(error.message);
  const reason = reasonOf(error);
  // Also what an engine says that belongs to no Swarm, or is not one of its managers.
  if (statusCode === 503) return unavailable(reason);
  if (statusCode === 409 || reason.includes('out of sequence')) return new ConflictError('FAILED', reason);
  if (statusCode === 404) return new RuntimeDriverError('UNKNOWN_SERVICE', `The service is gone: ${reason}.`);
  return new RuntimeDriverError('FAILED', `The Docker engine refused: ${reason}.`);
}

/** The engine's own words, without what the layers in between put in front. */
function reasonOf(error: EngineError): string {
  const { message } = (error.json ?? {}) as { message?: unknown };
  const text = typeof message === 'string' ? message : error.message;
  return text.replace(/^rpc error: code = \w+ desc = /, '').trim();
}
