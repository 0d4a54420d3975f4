import type { ServiceSpec } from 'dockerode';
import { RuntimeDriverError, type RuntimeRole } from '../../runtime-driver';
import { ConflictError, type DockerEngine, type SwarmService } from './docker-engine';
import { label, LABELS, nameOf, roleOf } from './swarm-service';

/** How often a change is tried that others keep coming in between of. */
const TRIES = 5;

/** A service with its role. */
export interface Listed {
  service: SwarmService;
  role: RuntimeRole;
}

/** The services of one stack that have a role. */
export class SwarmServices {
  constructor(
    private readonly engine: DockerEngine,
    private readonly stack: string,
  ) {}

  /** All of them, those that were scaled away included. */
  async all(): Promise<Listed[]> {
    const services = await this.engine.services(`${LABELS.stack}=${this.stack}`);
    return services.flatMap((service) => {
      const role = roleOf(service);
      return role ? [{ service, role }] : [];
    });
  }

  /** Those that the driver shows. */
  async listed(): Promise<Listed[]> {
    return (await this.all()).filter(({ service }) => label(service, LABELS.retired) === undefined);
  }

  /** @throws RuntimeDriverError UNKNOWN_SERVICE */
  async find(name: string): Promise<SwarmService> {
    const found = (await this.listed()).find(({ service }) => nameOf(service) === name);
    if (!found) throw new RuntimeDriverError('UNKNOWN_SERVICE', `There is no service "${name}".`);
    return found.service;
  }

  /** Gives a service the specification that `edit` makes of its present one; the service as it is then. */
  async change(service: SwarmService, edit: (service: SwarmService) => ServiceSpec): Promise<SwarmService> {
    for (let tries = 1; ; tries++) {
      const now = await this.engine.service(service);
      const spec = edit(now);
      if (spec === now.Spec) return now;
      try {
        await this.engine.update(now, spec);
        return { ...now, Spec: spec };
      } catch (error) {
        if (!(error instanceof ConflictError) || tries === TRIES) throw error;
      }
    }
  }
}
