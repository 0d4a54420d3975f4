import { type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { ControlLoop, type Manager, type ManagerRun } from '../managers/manager';
import { MessageBus } from '../platform/messages/message-bus';
import { SnapshotBuilds } from './snapshot-builds';
import { SnapshotStore } from './snapshot-store';

/** The shortest time between two builds after invalidations, in milliseconds. */
const PACE_MS = 200;

/**
 * Keeps the read model in the cache: every 5 s, and at once after an action, so that live viewers see it
 * without asking. Readers do not depend on it; it spares them the wait.
 */
@ControlLoop()
export class CacheWarmer implements Manager, OnModuleInit, OnApplicationShutdown {
  readonly name = 'cache-warmer';
  readonly intervalMs = 5_000;
  private lead: AbortSignal | undefined;
  private warming: Promise<void> | undefined;
  private timer: NodeJS.Timeout | undefined;
  private warmedAt = 0;

  constructor(
    private readonly builds: SnapshotBuilds,
    private readonly store: SnapshotStore,
    private readonly bus: MessageBus,
  ) {}

  onModuleInit(): void {
    this.bus.on('ssot.invalidate', () => this.soon());
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
  }

  async run({ signal }: ManagerRun): Promise<void> {
    this.lead = signal;
    await this.warm();
  }

  /** Warms as soon as the pace allows, once for all invalidations until then, if this process leads. */
  private soon(): void {
    if (this.timer || !this.lead || this.lead.aborted) return;
    const wait = Math.max(0, this.warmedAt + PACE_MS - performance.now());
    this.timer = setTimeout(() => {
      this.timer = undefined;
      // What it throws is that Redis is away; the next run says so.
      if (!this.lead?.aborted) this.warm().catch(() => undefined);
    }, wait);
  }

  private async warm(): Promise<void> {
    // One under way may have read before the change that asks for this one.
    await this.warming?.catch(() => undefined);
    this.warmedAt = performance.now();
    this.warming = this.builds
      .buildForAll(async () => ({ needed: true, previous: (await this.store.load()).document }))
      .then((built) => {
        // Somebody else builds, who may have read before the change that asks for this one.
        if (!built) this.soon();
      });
    await this.warming;
  }
}
