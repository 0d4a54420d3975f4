import type { ServiceSpec } from 'dockerode';
import {
  MAX_LOG_LINES,
  RuntimeDriverError,
  type RuntimeDriver,
  type RuntimeLogLine,
  type RuntimeRole,
  type RuntimeScale,
  type RuntimeService,
  type ScaleScope,
} from '../../runtime-driver';
import type { DockerEngine, SwarmService } from './docker-engine';
import { readServiceLog } from './service-log';
import { SwarmAlignment } from './swarm-alignment';
import { SwarmRollout } from './swarm-rollout';
import { SwarmScaling } from './swarm-scaling';
import { describe, hasEnded, label, LABELS, ownTasks, replicasOf, revised } from './swarm-service';
import { SwarmServices } from './swarm-services';

/**
 * Runs services in a Docker Swarm, those of docker/stack.yaml. One RuntimeService is one Swarm service; what is
 * started, stopped and looked at one by one, a worker, is a service of its own with one replica
 * (docs/decisions/0014-a-worker-is-a-swarm-service.md).
 *
 * All but `kill` reaches services on every node, because it is the Swarm that acts; a container can be killed by
 * the engine of its own node only.
 */
export class SwarmDriver implements RuntimeDriver {
  readonly kind = 'swarm';
  private readonly services: SwarmServices;
  private readonly rollout: SwarmRollout;
  private readonly scaling: SwarmScaling;
  private readonly alignment: SwarmAlignment;

  /**
   * @param engine the engine of a manager node
   * @param stack the name that the stack was deployed under
   * @param waitMs how long a start, and how long a stop, may take, in milliseconds
   */
  constructor(
    private readonly engine: DockerEngine,
    stack: string,
    waitMs?: number,
  ) {
    this.services = new SwarmServices(engine, stack);
    this.rollout = new SwarmRollout(engine, waitMs);
    this.scaling = new SwarmScaling(engine, this.services, this.rollout);
    this.alignment = new SwarmAlignment(engine, this.services);
  }

  async list(): Promise<RuntimeService[]> {
    const listed = await this.services.listed();
    const tasks = await this.engine.tasks(listed.map(({ service }) => service));
    return listed
      .map(({ service, role }) => describe(service, role, tasks))
      .sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
  }

  async start(name: string): Promise<RuntimeService> {
    const { state } = await this.look(name);
    if (state === 'running') return this.look(name);
    if (state !== 'starting') return this.launch(name);
    const service = await this.services.find(name);
    await this.rollout.up(service, (await this.engine.tasks([service])).filter(hasEnded));
    return this.look(name);
  }

  async stop(name: string): Promise<RuntimeService> {
    const service = await this.services.change(await this.services.find(name), halted);
    await this.rollout.ended(service);
    return this.look(name);
  }

  restart(name: string): Promise<RuntimeService> {
    return this.launch(name);
  }

  async kill(name: string): Promise<RuntimeService> {
    const service = await this.services.find(name);
    const living = ownTasks(service, await this.engine.tasks([service])).filter((task) => !hasEnded(task));
    const node = await this.engine.nodeId();
    const elsewhere = living.find((task) => task.NodeID !== undefined && task.NodeID !== node);
    if (elsewhere) {
      throw new RuntimeDriverError(
        'FAILED',
        `${name} runs on node ${elsewhere.NodeID ?? ''}, and only that node's own engine can kill it. Restart it, or kill it there.`,
      );
    }
    const containers = living.flatMap(({ Status }) => Status.ContainerStatus?.ContainerID || []);
    await Promise.all(containers.map((id) => this.engine.kill(id)));
    await this.rollout.ended(service, living);
    return this.look(name);
  }

  scale(role: RuntimeRole, replicas: number, scope: ScaleScope = {}): Promise<RuntimeScale> {
    return this.scaling.scale(role, replicas, scope);
  }

  async addWorker(pool: string, name: string): Promise<RuntimeService> {
    await this.scaling.addWorker(pool, name);
    return this.look(name);
  }

  async logs(name: string, limit: number): Promise<RuntimeLogLine[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LOG_LINES) {
      throw new RuntimeDriverError('INVALID', `The limit must be 1 to ${MAX_LOG_LINES}.`);
    }
    const service = await this.services.find(name);
    return readServiceLog(await this.engine.logs(service, limit)).slice(-limit);
  }

  /** Lets the next added worker that is behind follow the stack; whether there was one. @throws Error, see SwarmAlignment */
  align(): Promise<boolean> {
    return this.alignment.run();
  }

  /** Makes all of its tasks new ones, in the way that its update_config says; from no replicas it just starts. */
  private async launch(name: string): Promise<RuntimeService> {
    const service = await this.services.find(name);
    const before = await this.engine.tasks([service]);
    await this.rollout.renewed(await this.services.change(service, started), before);
    return this.look(name);
  }

  private async look(name: string): Promise<RuntimeService> {
    const found = (await this.list()).find((service) => service.name === name);
    if (!found) throw new RuntimeDriverError('UNKNOWN_SERVICE', `There is no service "${name}".`);
    return found;
  }
}

/** Without replicas, and with a note of how many there were. */
function halted(service: SwarmService): ServiceSpec {
  const replicas = replicasOf(service);
  if (replicas === 0) return service.Spec;
  return revised(service.Spec, 0, { [LABELS.replicas]: String(replicas) });
}

/** With as many replicas as it had, each of them a new task. */
function started(service: SwarmService): ServiceSpec {
  const replicas = replicasOf(service) || Number(label(service, LABELS.replicas) ?? 1);
  const spec = revised(service.Spec, replicas, { [LABELS.replicas]: undefined });
  const template = spec.TaskTemplate;
  return { ...spec, TaskTemplate: template && { ...template, ForceUpdate: (template.ForceUpdate ?? 0) + 1 } };
}
