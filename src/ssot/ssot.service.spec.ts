import { ConsoleLogger, Logger } from '@nestjs/common';
import type { MessageBus } from '../platform/messages/message-bus';
import type { RuntimeSettings } from '../platform/settings/runtime-settings';
import { FORMAT, SECTIONS } from './document';
import type { SnapshotBuilds } from './snapshot-builds';
import type { SnapshotStore } from './snapshot-store';
import type { SnapshotDto } from './snapshot.dto';
import { SsotService } from './ssot.service';

const HOUR_MS = 3_600_000;

/** A process that has read the read model, and whose connection for commands is then cut, though messages still come. */
class Cut {
  readonly service: SsotService;
  /** How often Redis was asked. */
  asked = 0;
  builds = 0;
  /** Whether nothing can be built either. */
  broken = false;
  /** How far Redis' clock was set back, in milliseconds. */
  setBackMs = 0;
  private at = Date.now() * 1000;
  private away = false;
  private readonly handlers = new Map<string, (message: object, at: number) => unknown>();

  constructor() {
    const bus = {
      session: 1,
      on: (kind: string, handler: (message: object, at: number) => unknown) => {
        this.handlers.set(kind, handler);
        return () => undefined;
      },
    };
    const store = { load: () => this.load() };
    const builds = {
      buildAlone: async (version: number) => {
        this.builds++;
        if (this.broken) throw new Error('broken');
        await new Promise((resolve) => setImmediate(resolve));
        return documentOf(version);
      },
    };
    const settings = { current: () => ({ read_model: { max_stale_s: 600 } }) };
    this.service = new SsotService(
      builds as unknown as SnapshotBuilds,
      store as unknown as SnapshotStore,
      bus as unknown as MessageBus,
      settings as unknown as RuntimeSettings,
    );
    this.service.follow(() => undefined);
  }

  static async afterOneRead(): Promise<Cut> {
    const cut = new Cut();
    await cut.service.read();
    cut.away = true;
    cut.asked = 0;
    return cut;
  }

  /** Another process says that something has changed. */
  changed(): void {
    this.at += 500_000;
    this.handlers.get('ssot.invalidate')?.({ reason: 'test' }, this.at - this.setBackMs * 1000);
  }

  /** Another process says that it has built. */
  async built(): Promise<void> {
    await this.handlers.get('ssot.updated')?.({ version: String((Date.now() - this.setBackMs) * 1000) }, 0);
  }

  private load(): Promise<unknown> {
    this.asked++;
    if (this.away)
      return Promise.reject(new Error("Stream isn't writeable and enableOfflineQueue options is false"));
    const now = (Date.now() - this.setBackMs) * 1000;
    return Promise.resolve({ document: documentOf(now), now, floor: 0 });
  }
}

function documentOf(version: number): SnapshotDto {
  const asOf = new Date();
  return {
    version,
    format: FORMAT,
    as_of: asOf,
    stale: false,
    sections: Object.fromEntries(SECTIONS.map((name) => [name, { as_of: asOf, stale: false, hash: name }])),
    ...Object.fromEntries(SECTIONS.map((name) => [name, {}])),
  } as unknown as SnapshotDto;
}

describe('the read model of a process that cannot send commands to Redis', () => {
  beforeAll(() => void Logger.overrideLogger(false));
  afterAll(() => void Logger.overrideLogger(new ConsoleLogger()));
  afterEach(() => jest.restoreAllMocks());

  it('is built anew for who reads after a change, without asking Redis over and over', async () => {
    const cut = await Cut.afterOneRead();
    cut.changed();
    const first = await cut.service.read();
    cut.changed();
    const second = await cut.service.read();
    expect([first.cache, second.cache]).toEqual(['miss', 'miss']);
    expect(second.snapshot.version).toBeGreaterThan(first.snapshot.version);
    expect(cut.builds).toBe(2);
    expect(cut.asked).toBeLessThanOrEqual(4);
  });

  it('is built directly although the clock was set back since Redis was asked last', async () => {
    const cut = await Cut.afterOneRead();
    cut.changed();
    const now = Date.now();
    jest.spyOn(Date, 'now').mockReturnValue(now - HOUR_MS);
    const { snapshot, cache } = await cut.service.read();
    expect([snapshot.source, cache]).toEqual(['direct', 'miss']);
    expect(cut.service.peek()).toBe(snapshot);
    expect(cut.builds).toBe(1);
    expect(cut.asked).toBeLessThanOrEqual(2);
  });

  it.each([HOUR_MS, -HOUR_MS])(
    'has the last one served for as long as the settings say where nothing can be built, though the clock goes %d ms off',
    async (off) => {
      const cut = await Cut.afterOneRead();
      cut.changed();
      cut.broken = true;
      const [now, passed] = [Date.now(), performance.now()];
      jest.spyOn(Date, 'now').mockImplementation(() => now + off);
      expect((await cut.service.read()).cache).toBe('stale');
      jest.spyOn(performance, 'now').mockReturnValue(passed + 601_000);
      await expect(cut.service.read()).rejects.toMatchObject({ code: 'SERVICE_UNAVAILABLE' });
    },
  );
});

describe('the read model of a process whose Redis had its clock set back', () => {
  it('is another one for who reads after a change', async () => {
    const process = new Cut();
    const before = await process.service.read();
    expect(process.service.peek()).toBe(before.snapshot);
    process.setBackMs = HOUR_MS;
    process.changed();
    const { snapshot } = await process.service.read();
    expect(snapshot.version).toBeLessThan(before.snapshot.version);
    expect(process.service.peek()).toBe(snapshot);
  });

  it('is the one that another process has built since', async () => {
    const process = new Cut();
    const before = await process.service.read();
    process.setBackMs = HOUR_MS;
    await process.built();
    expect(process.service.peek()?.version).toBeLessThan(before.snapshot.version);
  });
});
