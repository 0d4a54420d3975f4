import { Inject, Logger } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerReport, type ManagerRun } from '../../managers/manager';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';
import { RUNTIME_DRIVER } from '../fleet.module';
import type { RuntimeDriver } from '../runtime-driver';
import { WorkerRegistry } from '../workers/worker-registry';
import { PoolHolds } from './pool-holds';
import { type PoolPlan, planPool, wantedIn } from './pool-plan';
import { poolsOf } from './pools';

/**
 * Holds the number of workers of each pool at what the settings say: starts what is missing, and lets the idlest end
 * what they do and go. It leaves a pool alone while an action is at its workers. Runs where there is a driver.
 */
@ControlLoop()
export class PoolKeeperManager implements Manager {
  readonly name = 'pool-keeper';
  readonly intervalMs = 2_000;
  private readonly log = new Logger(PoolKeeperManager.name);
  /** Pools that are being changed: a worker that takes long to come up holds up nothing else. */
  private readonly underWay = new Map<string, Promise<void>>();
  private readonly failures = new Map<string, Error>();

  constructor(
    @Inject(RUNTIME_DRIVER) private readonly driver: RuntimeDriver,
    private readonly settings: RuntimeSettings,
    private readonly registry: WorkerRegistry,
    private readonly holds: PoolHolds,
  ) {}

  /** @throws Error if pools could not be changed since the last run */
  async run({ signal }: ManagerRun): Promise<ManagerReport> {
    const [failure] = this.failures.values();
    this.failures.clear();
    if (failure) throw failure;
    const plans = await this.plans();
    const due = [...plans.keys()].filter((pool) => !this.underWay.has(pool));
    for (const pool of due) this.begin(pool, signal);
    return { items: due.length };
  }

  /** What there is to do, by pool. */
  private async plans(): Promise<Map<string, PoolPlan>> {
    const services = (await this.driver.list()).filter(({ role }) => role === 'worker');
    const pools = poolsOf(this.settings.current().fleet);
    const names = [...new Set([...pools.keys(), ...services.flatMap(({ pool }) => pool ?? [])])];
    const found = names.map((name) => ({ name, own: services.filter(({ pool }) => pool === name) }));
    const wrong = found.filter(({ name, own }) => wantedIn(pools.get(name), own.length) !== own.length);
    const workers = wrong.length > 0 ? await this.registry.list() : [];
    return new Map(wrong.map(({ name, own }) => [name, planPool(pools.get(name), own, workers)]));
  }

  private begin(pool: string, signal: AbortSignal): void {
    const change = this.change(pool, signal)
      .catch((error: unknown) => {
        this.failures.set(pool, error instanceof Error ? error : new Error(String(error)));
      })
      .finally(() => this.underWay.delete(pool));
    this.underWay.set(pool, change);
  }

  private async change(pool: string, signal: AbortSignal): Promise<void> {
    await this.holds.during(pool, 0, async () => {
      // Looked at again: who held it before may have seen to it.
      const plan = (await this.plans()).get(pool);
      if (!plan || signal.aborted) return;
      this.log.log(`The pool ${pool} is to have ${plan.replicas} workers`);
      await this.driver.scale('worker', plan.replicas, { pool, first: plan.first });
    });
  }
}
