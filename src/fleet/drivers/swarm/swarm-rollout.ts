import { RuntimeDriverError } from '../../runtime-driver';
import type { DockerEngine, SwarmService, SwarmTask } from './docker-engine';
import {
  endedByItself,
  exitOf,
  hasEnded,
  hasHealthCheck,
  isRunning,
  nameOf,
  ownTasks,
  replicasOf,
} from './swarm-service';

/** How often the Swarm is asked how far it is, in milliseconds. */
const POLL_MS = 250;
/** Without a health check a task counts as running as soon as it begins; only if it lasts this long it is up. */
const PROBATION_MS = 1_000;
/** A graceful stop takes 40 s at most (docker/stack.yaml), and a start follows. */
const DEFAULT_WAIT_MS = 90_000;
/** What becomes of an update that does not come up; which, is for its failure_action to say. */
const GIVEN_UP: readonly string[] = ['paused', 'rollback_started', 'rollback_paused', 'rollback_completed'];

/** Waits for what the Swarm does after a change. */
export class SwarmRollout {
  constructor(
    private readonly engine: DockerEngine,
    private readonly waitMs = DEFAULT_WAIT_MS,
  ) {}

  /**
   * Resolves when all replicas are new ones that run and are healthy, and none of the tasks of `before` is left.
   *
   * @throws RuntimeDriverError FAILED if a new task does not come up, the Swarm gives the update up, or it takes too long
   */
  async renewed(service: SwarmService, before: readonly SwarmTask[]): Promise<void> {
    const old = new Set(before.map((task) => task.ID));
    await this.running(service, old, (tasks) => tasks.filter((task) => !old.has(task.ID)));
  }

  /** Resolves when as many replicas run as are wanted, whether they are new or tasks of `before`. @throws likewise */
  async up(service: SwarmService, before: readonly SwarmTask[]): Promise<void> {
    await this.running(service, new Set(before.map((task) => task.ID)), (tasks) => tasks);
  }

  private async running(
    service: SwarmService,
    old: ReadonlySet<string>,
    counted: (tasks: SwarmTask[]) => SwarmTask[],
  ): Promise<void> {
    const name = nameOf(service);
    const wanted = replicasOf(service);
    const probationMs = hasHealthCheck(service) ? 0 : PROBATION_MS;
    let upSince: number | undefined;
    await this.until(`${name} was not ready`, async () => {
      const tasks = ownTasks(service, await this.engine.tasks([service]));
      const failed = tasks.find((task) => !old.has(task.ID) && endedByItself(task));
      if (failed) throw new RuntimeDriverError('FAILED', `${name} ended while starting (${exitOf(failed)}).`);
      const enough = counted(tasks).filter(isRunning).length >= wanted;
      if (!enough) await this.refuseGivenUp(service);
      // Those that are taken away or replaced are on their way out, but not there yet.
      const isUp = enough && tasks.filter((task) => !hasEnded(task)).length === wanted;
      upSince = isUp ? (upSince ?? performance.now()) : undefined;
      return upSince !== undefined && performance.now() - upSince >= probationMs;
    });
  }

  /** Resolves when these tasks have ended; all tasks of the service if none are given. */
  async ended(service: SwarmService, tasks?: readonly SwarmTask[]): Promise<void> {
    const awaited = tasks && new Set(tasks.map((task) => task.ID));
    await this.until(`${nameOf(service)} has not ended`, async () =>
      (await this.engine.tasks([service])).every((task) => hasEnded(task) || awaited?.has(task.ID) === false),
    );
  }

  private async refuseGivenUp(service: SwarmService): Promise<void> {
    const now = await this.engine.service(service);
    const { State: state = '', Message: message = '' } = now.UpdateStatus ?? {};
    if (GIVEN_UP.includes(state))
      throw new RuntimeDriverError(
        'FAILED',
        `The Swarm gave the update of ${nameOf(service)} up: ${message}.`,
      );
  }

  private async until(otherwise: string, check: () => Promise<boolean>): Promise<void> {
    const deadline = performance.now() + this.waitMs;
    while (!(await check())) {
      if (performance.now() > deadline)
        throw new RuntimeDriverError('FAILED', `${otherwise} after ${this.waitMs / 1000} s.`);
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
  }
}
