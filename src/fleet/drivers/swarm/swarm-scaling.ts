import type { ServiceSpec } from 'dockerode';
import { DEFAULT_POOL, MAX_WORKERS } from '../../../platform/settings/fleet.settings';
import {
  RuntimeDriverError,
  type RuntimeRole,
  type RuntimeScale,
  type ScaleScope,
} from '../../runtime-driver';
import { checkNewName, checkPool, freeNames, workerPrefix } from '../../worker-names';
import { surplusOf } from '../scale-down';
import { cloneSpec, isClone, numberIn } from './clones';
import { ConflictError, type DockerEngine, type SwarmService } from './docker-engine';
import type { SwarmRollout } from './swarm-rollout';
import { label, LABELS, nameOf, poolOf, replicasOf, revised } from './swarm-service';
import type { Listed, SwarmServices } from './swarm-services';

/** The roles of which there may be any number, with the least and the greatest. */
const SCALABLE: Partial<Record<RuntimeRole, [number, number]>> = {
  api: [1, 32],
  worker: [0, MAX_WORKERS],
  manager: [1, 8],
};

/** Makes it more or fewer of a role: of workers by services of their own, of all others by replicas. */
export class SwarmScaling {
  constructor(
    private readonly engine: DockerEngine,
    private readonly services: SwarmServices,
    private readonly rollout: SwarmRollout,
  ) {}

  /** Resolves when those that were added run, and those that were taken away have ended. */
  async scale(role: RuntimeRole, replicas: number, scope: ScaleScope): Promise<RuntimeScale> {
    const range = SCALABLE[role];
    if (!range) throw new RuntimeDriverError('NOT_SCALABLE', `The number of ${role} services is fixed here.`);
    if (!Number.isInteger(replicas) || replicas < range[0] || replicas > range[1]) {
      const allowed = `${range[0]} to ${range[1]}`;
      throw new RuntimeDriverError('INVALID', `The number of ${role} services must be ${allowed}.`);
    }
    const previous =
      role === 'worker' ? await this.scaleWorkers(replicas, scope) : await this.scaleReplicas(role, replicas);
    return { role, replicas, previous };
  }

  private async scaleReplicas(role: RuntimeRole, replicas: number): Promise<number> {
    const found = (await this.services.listed()).find((entry) => entry.role === role);
    if (!found) throw new RuntimeDriverError('FAILED', `The stack has no ${role} service.`);
    const before = await this.engine.tasks([found.service]);
    let previous = 0;
    const service = await this.services.change(found.service, (now) => {
      previous = replicasOf(now);
      return revised(now.Spec, replicas, { [LABELS.replicas]: undefined });
    });
    await this.rollout.up(service, before);
    return previous;
  }

  /** One more worker, which is gone again if it does not come up. */
  async addWorker(pool: string, name: string): Promise<void> {
    checkPool(pool);
    const all = await this.services.all();
    checkNewName(name, new Set(all.map(({ service }) => nameOf(service))));
    const [made] = await this.make(pool, [name], all);
    if (!made) throw new RuntimeDriverError('FAILED', `${name} was taken away while it started.`);
    try {
      await this.rollout.up(made, []);
    } catch (error) {
      await this.engine.remove(made);
      throw error;
    }
  }

  private async scaleWorkers(
    replicas: number,
    { pool = DEFAULT_POOL, first = [] }: ScaleScope,
  ): Promise<number> {
    checkPool(pool);
    const all = (await this.services.all()).filter(({ role }) => role === 'worker').sort(byNumber);
    const ofPool = all.filter(({ service }) => poolOf(service) === pool);
    const isRetired = ({ service }: Listed) => label(service, LABELS.retired) !== undefined;
    const listed = ofPool.filter((entry) => !isRetired(entry));
    const missing = Math.max(0, replicas - listed.length);
    const back = ofPool.filter(isRetired).slice(0, missing);
    const going = surplusOf(
      listed.map(({ service }) => nameOf(service)),
      replicas,
      first,
    );
    const surplus = await Promise.all(
      listed
        .filter(({ service }) => going.includes(nameOf(service)))
        .map(({ service }) => this.services.change(service, retire)),
    );
    const returned = await Promise.all(back.map(({ service }) => this.services.change(service, takeUp)));
    const taken = new Set(all.map(({ service }) => nameOf(service)));
    const made = await this.make(pool, freeNames(workerPrefix(pool), missing - back.length, taken), all);
    await Promise.all([
      ...[...returned, ...made].map((service) => this.rollout.up(service, [])),
      ...surplus.map((service) => this.takeAway(service)),
    ]);
    return listed.length;
  }

  /** Makes workers of these names, like the first one of the stack in this pool, else in any. */
  private async make(
    pool: string,
    names: readonly string[],
    all: readonly Listed[],
  ): Promise<SwarmService[]> {
    if (names.length === 0) return [];
    const ofStack = all.filter(({ service, role }) => role === 'worker' && !isClone(service));
    const pattern = ofStack.find(({ service }) => poolOf(service) === pool) ?? ofStack[0];
    if (!pattern) {
      throw new RuntimeDriverError(
        'FAILED',
        'The stack has no worker service that another could be made like.',
      );
    }
    for (const name of names) {
      try {
        await this.engine.create(cloneSpec(pattern.service, name, pool));
      } catch (error) {
        // Somebody else made it at the same moment.
        if (!(error instanceof ConflictError)) throw error;
      }
    }
    const listed = await this.services.listed();
    return listed.flatMap(({ service }) => (names.includes(nameOf(service)) ? [service] : []));
  }

  /** A service of the stack stays, without replicas: the next deploy would only bring it back. */
  private async takeAway(service: SwarmService): Promise<void> {
    await this.rollout.ended(service);
    if (isClone(service)) await this.engine.remove(service);
  }
}

function retire(service: SwarmService): ServiceSpec {
  return revised(service.Spec, 0, { [LABELS.replicas]: undefined, [LABELS.retired]: 'true' });
}

function takeUp(service: SwarmService): ServiceSpec {
  return revised(service.Spec, 1, { [LABELS.replicas]: undefined, [LABELS.retired]: undefined });
}

function byNumber(a: Listed, b: Listed): number {
  return numberIn(nameOf(a.service)) - numberIn(nameOf(b.service));
}
