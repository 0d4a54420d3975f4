import { plainToInstance } from 'class-transformer';
import { PoolEditor } from '../../src/categories/workers/pools/pool-editor';
import { PoolScaling } from '../../src/categories/workers/pools/pool-scaling';
import type { PoolHolds } from '../../src/fleet/pools/pool-holds';
import {
  type RuntimeDriver,
  RuntimeDriverError,
  type RuntimeService,
  type RuntimeState,
} from '../../src/fleet/runtime-driver';
import type { FleetControl } from '../../src/fleet/workers/fleet-control';
import type { WorkerRegistry } from '../../src/fleet/workers/worker-registry';
import type { AgentRegistry } from '../../src/media/flow/agent-registry';
import type { ActionContext } from '../../src/pipeline/catalogue/action-command';
import type { Db } from '../../src/platform/postgres/db';
import { applyPatch } from '../../src/platform/settings/patch';
import type { RuntimeSettings, SettingsChange } from '../../src/platform/settings/runtime-settings';
import { Settings } from '../../src/platform/settings/settings';

/** What changes pools, over settings, workers and a driver that are variables of the test. */
export class PoolsStandIn {
  settings = new Settings();
  /** The services that the driver has, and that give signs of life if they run. */
  services: RuntimeService[] = [];
  /** Called when settings were saved: what the loop would do about it. */
  onSaved: () => void = () => undefined;
  kept: object | undefined;
  /** Set: somebody else has taken the action over, or Postgres is away. */
  cannotKeep: Error | undefined;
  /** Set: the driver does what it is asked, and then its answer gets lost. */
  answersLost = false;
  readonly editor: PoolEditor;
  readonly scaling: PoolScaling;
  readonly context: ActionContext;
  private version = 0;

  constructor(pools: object = {}) {
    this.apply({ fleet: { pools } });
    const settings = {
      current: () => this.settings,
      update: (change: SettingsChange) => {
        this.apply(typeof change === 'function' ? change(this.settings) : change);
        this.version += 1;
        this.onSaved();
        return Promise.resolve({ version: this.version, settings: this.settings, changes: [] });
      },
      announce: () => Promise.resolve(),
    } as unknown as RuntimeSettings;
    const db = {
      transaction: async (work: (tx: object) => Promise<unknown>) => {
        const { settings, kept } = this;
        try {
          return await work({});
        } catch (error) {
          Object.assign(this, { settings, kept });
          throw error;
        }
      },
    } as unknown as Db;
    const registry = {
      list: () =>
        Promise.resolve(
          this.services
            .filter(({ state }) => state === 'running')
            .map(({ name, pool }) => ({ worker_id: `id-${name}`, service: name, pool })),
        ),
    } as unknown as WorkerRegistry;
    const fleet = {
      ask: (_command: string, _payload: object, ids: string[]) =>
        Promise.resolve(ids.map((worker_id) => ({ worker_id, answered: true, result: {}, latency_ms: 1 }))),
    } as unknown as FleetControl;
    const agents = { graphOf: () => ({ ids: ['inspector', 'packager'] }) } as unknown as AgentRegistry;
    const holds = {
      during: async (_pool: string, _waitMs: number, work: () => Promise<unknown>) => ({
        result: await work(),
      }),
    } as unknown as PoolHolds;
    const driver = {
      list: () => Promise.resolve(this.services),
      addWorker: (pool: string, name: string) => {
        if (this.services.some((service) => service.name === name))
          return Promise.reject(new RuntimeDriverError('EXISTS', 'There is one.'));
        return this.answer(this.run(name, pool));
      },
      start: (name: string) => this.answer(this.services.find((service) => service.name === name)),
    } as unknown as RuntimeDriver;
    this.editor = new PoolEditor(db, settings, agents, registry, fleet);
    this.scaling = new PoolScaling(driver, settings, registry, holds, this.editor);
    this.context = {
      actor: { userId: 'u' },
      signal: new AbortController().signal,
      transaction: (work: (tx: object) => Promise<unknown>) => work({}),
      progress: () => undefined,
      checkpoint: {
        resume: () => this.kept,
        save: (state: object) => {
          if (this.cannotKeep) return Promise.reject(this.cannotKeep);
          this.kept = state;
          return Promise.resolve();
        },
      },
    } as unknown as ActionContext;
  }

  /** A pool as the settings have it. */
  pool(name: string) {
    return this.settings.fleet.pools[name];
  }

  private answer(service: RuntimeService | undefined) {
    if (!this.answersLost) return Promise.resolve(service);
    return Promise.reject(new RuntimeDriverError('UNAVAILABLE', 'There was no answer.'));
  }

  /** One more service. */
  run(name: string, pool = 'default', state: RuntimeState = 'running'): RuntimeService {
    const service = { name, role: 'worker', pool, state, pid: 7 } as RuntimeService;
    this.services = [...this.services, service];
    return service;
  }

  private apply(patch: object): void {
    const plain = JSON.parse(JSON.stringify(this.settings)) as Record<string, unknown>;
    this.settings = plainToInstance(Settings, applyPatch(plain, { ...patch }), { exposeDefaultValues: true });
  }
}
