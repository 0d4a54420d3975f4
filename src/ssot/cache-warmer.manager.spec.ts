import type { MessageBus } from '../platform/messages/message-bus';
import type { ManagerRun } from '../managers/manager';
import { CacheWarmer } from './cache-warmer.manager';
import type { SnapshotBuilds } from './snapshot-builds';
import type { SnapshotStore } from './snapshot-store';

describe('the warmer of the read model', () => {
  let changed: () => void;
  let buildForAll: jest.Mock<Promise<boolean>>;
  let warmer: CacheWarmer;

  beforeEach(() => {
    jest.useFakeTimers();
    buildForAll = jest.fn().mockResolvedValue(true);
    const bus = { on: (_kind: string, handler: () => void) => (changed = handler) };
    warmer = new CacheWarmer(
      { buildForAll } as unknown as SnapshotBuilds,
      {} as SnapshotStore,
      bus as unknown as MessageBus,
    );
    warmer.onModuleInit();
  });

  afterEach(() => {
    warmer.onApplicationShutdown();
    jest.useRealTimers();
  });

  it('builds after a change although somebody else was building, who may have read before it', async () => {
    await warmer.run({ signal: new AbortController().signal } as ManagerRun);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(buildForAll).toHaveBeenCalledTimes(1);
    buildForAll.mockResolvedValueOnce(false);
    changed();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(buildForAll).toHaveBeenCalledTimes(3);
  });

  it('leaves it to another when it leads no more', async () => {
    const lead = new AbortController();
    buildForAll.mockResolvedValue(false);
    await warmer.run({ signal: lead.signal } as ManagerRun);
    lead.abort();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(buildForAll).toHaveBeenCalledTimes(1);
  });
});
