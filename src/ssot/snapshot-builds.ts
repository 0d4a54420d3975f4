import { Injectable } from '@nestjs/common';
import { LiveState } from '../platform/feed/live-state';
import { MessageBus } from '../platform/messages/message-bus';
import { changedSections } from './document';
import { SnapshotBuilder } from './snapshot-builder';
import { SnapshotStore } from './snapshot-store';
import { snapshotBuilds } from './ssot-metrics';
import type { SnapshotDto } from './snapshot.dto';

/** Builds snapshots for all processes: one at a time, cached, announced. Rejects while Redis is away. */
@Injectable()
export class SnapshotBuilds {
  constructor(
    private readonly builder: SnapshotBuilder,
    private readonly store: SnapshotStore,
    private readonly bus: MessageBus,
    private readonly states: LiveState,
  ) {}

  /**
   * Builds, unless another process does at this moment.
   *
   * @param wanted asked once nobody else builds: whether a snapshot is still needed, and the one before it
   * @returns false if another process builds
   */
  async buildForAll(
    wanted: () => Promise<{ needed: boolean; previous: SnapshotDto | undefined }>,
  ): Promise<boolean> {
    const unlock = await this.store.lock();
    if (!unlock) return false;
    try {
      const { needed, previous } = await wanted();
      if (needed) await this.build(previous);
    } finally {
      await unlock();
    }
    return true;
  }

  /** Builds for this process alone, for want of Redis. */
  buildAlone(version: number, previous: SnapshotDto | undefined): Promise<SnapshotDto> {
    snapshotBuilds.inc({ source: 'direct' });
    return this.builder.build(version, previous);
  }

  private async build(previous: SnapshotDto | undefined): Promise<void> {
    const version = await this.store.clock();
    snapshotBuilds.inc({ source: 'cache' });
    const document = await this.builder.build(version, previous);
    // Refused when a newer one is there.
    if (!(await this.store.store(document))) return;
    await this.bus.publish('ssot.updated', { version: String(version) });
    // What is there twice, under an older name, would be in each patch twice, too.
    const state = { ...document, agents: undefined };
    const changed = changedSections(previous, document);
    await this.states.publish('ssot', state, version, { version, as_of: document.as_of, changed });
  }
}
