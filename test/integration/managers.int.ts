import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { LEASE_MS, LeaseKeeper } from '../../src/managers/lease-keeper';
import { ControlLoop, type Manager, type ManagerRun } from '../../src/managers/manager';
import { ManagerHost } from '../../src/managers/manager-host';
import { ManagersModule } from '../../src/managers/managers.module';
import { Db } from '../../src/platform/postgres/db';
import { eventually } from '../support/eventually';
import { ReadsideTest, type ReadProcess } from './readside-support';

/** Runs of the loops of all hosts of this file. */
const runs: { name: string; fence: number; active: number }[] = [];
const active = new Map<string, number>();
let body: (run: ManagerRun) => Promise<void> = () => Promise.resolve();

abstract class Counting implements Manager {
  abstract readonly name: string;
  readonly intervalMs = 50;

  async run(run: ManagerRun): Promise<void> {
    const now = (active.get(this.name) ?? 0) + 1;
    active.set(this.name, now);
    runs.push({ name: this.name, fence: run.fence, active: now });
    try {
      await body(run);
    } finally {
      active.set(this.name, (active.get(this.name) ?? 1) - 1);
    }
  }
}

@ControlLoop()
class First extends Counting {
  readonly name = 'first';
}

@ControlLoop()
class Second extends Counting {
  readonly name = 'second';
}

@Module({ providers: [First, Second] })
class Loops {}

interface Lease {
  name: string;
  holder: string;
  fence: number;
  runs: number;
  failures: number;
  last_error: string | null;
  left_ms: number;
}

describe('the host of the control loops', () => {
  let test: ReadsideTest;

  beforeEach(async () => {
    test = await ReadsideTest.start();
    runs.length = 0;
    active.clear();
    body = () => Promise.resolve();
  });

  afterEach(() => test.close());

  const host = () => test.context([ManagersModule, Loops]);
  const leads = (process: ReadProcess) => process.get(ManagerHost).leads.sort();
  const leases = () =>
    test.database.query<Lease>(
      `SELECT *, extract(epoch FROM expires_at - clock_timestamp()) * 1000 AS left_ms
       FROM manager_leases ORDER BY name`,
    );

  /** Looks for so long; how long this process stood still meanwhile, as it may on a busy machine, in milliseconds. */
  async function stillFor(ms: number, look: () => Promise<void> = () => Promise.resolve()): Promise<number> {
    const everyMs = 100;
    let stillMs = 0;
    for (let began = performance.now(), last = began; last - began < ms;) {
      await look();
      await delay(everyMs);
      const now = performance.now();
      stillMs += Math.max(0, now - last - 2 * everyMs);
      last = now;
    }
    return stillMs;
  }

  it('finds the loops and runs each at its interval', async () => {
    const process = await host();
    expect(leads(process)).toEqual(['first', 'second']);
    await eventually(() => {
      for (const name of ['first', 'second'])
        expect(runs.filter((run) => run.name === name).length).toBeGreaterThan(5);
    });
    await eventually(async () =>
      expect((await leases())[0]).toMatchObject({ name: 'first', fence: 1, failures: 0 }),
    );
    await eventually(async () => expect((await leases())[0]?.runs).toBeGreaterThan(5));
  });

  it('has one leader per loop whatever the number of hosts, and no runs at the same time', async () => {
    body = () => new Promise((resolve) => setTimeout(resolve, 20));
    const hosts = await Promise.all([host(), host(), host()]);
    await eventually(() => expect(runs.length).toBeGreaterThan(40));
    expect(hosts.flatMap(leads).sort()).toEqual(['first', 'second']);
    expect(Math.max(...runs.map((run) => run.active))).toBe(1);
  });

  it('hands over at once on a graceful stop, with a higher fence, after the last run has ended', async () => {
    let ended = 0;
    body = ({ signal }) =>
      new Promise((resolve) => {
        const timer = setTimeout(resolve, 30_000);
        signal.addEventListener('abort', () => {
          clearTimeout(timer);
          ended++;
          resolve();
        });
      });
    const one = await host();
    await eventually(() => expect(runs).toHaveLength(2));
    const two = await host();
    expect(leads(two)).toEqual([]);
    await test.stop(one);
    expect(ended).toBe(2);
    // Free already, or taken: nobody waits for them to run out.
    for (const lease of await leases()) expect(lease.left_ms > 0).toBe(lease.fence === 2);
    await eventually(() => expect(leads(two)).toEqual(['first', 'second']));
    await eventually(() => expect(runs).toHaveLength(4));
    expect(runs.map((run) => run.fence)).toEqual([1, 1, 2, 2]);
    expect(Math.max(...runs.map((run) => run.active))).toBe(1);
  });

  it('takes over from a process that died when its lease runs out, not before', async () => {
    const one = await host();
    // A dead process renews nothing and gives nothing up: another holder with the same lease.
    await test.stop(one);
    const dead = new LeaseKeeper((await test.context([])).get(Db), 'a process that died');
    await dead.claim(['first', 'second']);
    const lasts = (time: string) =>
      test.database.query('UPDATE manager_leases SET expires_at = clock_timestamp() + $1::interval', [time]);
    await lasts('1 minute');
    const two = await host();
    expect(leads(two)).toEqual([]);
    const started = performance.now();
    await lasts('2 seconds');
    await eventually(() => expect(leads(two)).toEqual(['first', 'second']));
    expect(performance.now() - started).toBeGreaterThan(1_990);
    expect((await leases()).map((lease) => lease.fence)).toEqual([3, 3]);
  });

  it('stops a run whose lead another process has taken', async () => {
    let reason: unknown;
    body = ({ signal }) =>
      new Promise((resolve) =>
        signal.addEventListener('abort', () => {
          reason = signal.reason;
          resolve();
        }),
      );
    const one = await host();
    await eventually(() => expect(runs).toHaveLength(2));
    await test.database.query(
      `UPDATE manager_leases SET holder = 'another', fence = fence + 1, expires_at = now() + interval '1 minute'`,
    );
    await eventually(() => expect(leads(one)).toEqual([]));
    expect(String(reason)).toContain('another process leads');
    expect((await leases()).map((lease) => lease.holder)).toEqual(['another', 'another']);
  });

  it('counts failures, keeps the last error, and goes on', async () => {
    body = () => Promise.reject(new Error('no luck today'));
    await host();
    await eventually(async () => {
      const [lease] = await leases();
      expect(lease).toMatchObject({ last_error: 'no luck today' });
      expect(lease?.failures).toBeGreaterThan(3);
    });
    body = () => Promise.resolve();
    await eventually(async () => expect((await leases())[0]?.last_error).toBeNull());
  });

  it('keeps of an error what Postgres can store', async () => {
    body = () => Promise.reject(new Error('no JSON: \0\0'));
    await host();
    await eventually(async () => expect((await leases())[0]?.last_error).toBe('no JSON: \uFFFD\uFFFD'));
  });

  it('keeps its leads while what its loops did cannot be written down', async () => {
    const signals = new Set<AbortSignal>();
    body = ({ signal }) => Promise.resolve(void signals.add(signal));
    const report = jest.spyOn(LeaseKeeper.prototype, 'report').mockRejectedValue(new Error('out of range'));
    try {
      await host();
      // Longer than a lead that nobody renews; on a machine that stood still meanwhile nobody could, so once more.
      for (let tries = 0; (await stillFor(LEASE_MS + 1_000)) > 1_000 && tries < 5; tries++) signals.clear();
      expect(report.mock.calls.length).toBeGreaterThan(8);
      expect([...signals].map(({ aborted }) => aborted)).toEqual([false, false]);
    } finally {
      report.mockRestore();
    }
  });

  it('renews a lease long before it ends', async () => {
    await host();
    let least = Number.POSITIVE_INFINITY;
    const stillMs = await stillFor(6_500, async () => {
      for (const lease of await leases()) least = Math.min(least, lease.left_ms);
    });
    expect(least).toBeGreaterThan(3_000 - stillMs);
  });

  it('refuses two loops of one name', async () => {
    @ControlLoop()
    class Double extends Counting {
      readonly name = 'first';
    }
    @Module({ providers: [Double] })
    class More {}
    await expect(test.context([ManagersModule, Loops, More])).rejects.toThrow(
      'Two control loops are named "first"',
    );
  });
});
