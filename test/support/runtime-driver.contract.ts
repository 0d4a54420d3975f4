import type {
  RuntimeDriver,
  RuntimeDriverError,
  RuntimeRole,
  RuntimeService,
} from '../../src/fleet/runtime-driver';
import { eventually } from './eventually';

/** A driver with something to drive: 1 api and 1 worker that write a greeting (GREETING_SCRIPT) when they start. */
export interface DriverHarness {
  driver: RuntimeDriver;
  /** Takes the driver's other end away. */
  disconnect(): Promise<void>;
  /** Ends everything. */
  close(): Promise<void>;
}

/** A script for `node -e`: says when it started, in microseconds since the epoch, and then works until it is told to stop. */
export const GREETING_SCRIPT = `
process.on('SIGTERM', () => process.exit(0));
console.log('up ' + Math.round((performance.timeOrigin + performance.now()) * 1000));
setInterval(() => {}, 1e6);
`;

/** What every driver does, whatever it runs services with. `create` is called before each test. */
export function describeRuntimeDriver(name: string, create: () => Promise<DriverHarness>): void {
  describe(`the runtime driver "${name}"`, () => {
    let harness: DriverHarness;
    let driver: RuntimeDriver;

    beforeEach(async () => {
      harness = await create();
      driver = harness.driver;
    });
    afterEach(() => harness.close());

    const ofRole = async (role: RuntimeRole) =>
      (await driver.list()).filter((service) => service.role === role);

    const one = async (service: string): Promise<RuntimeService> => {
      const found = (await driver.list()).find((entry) => entry.name === service);
      if (!found) throw new Error(`${service} is not listed`);
      return found;
    };

    const worker = async () => {
      const [first] = await ofRole('worker');
      if (!first) throw new Error('there is no worker');
      return first;
    };

    const codeOf = (promise: Promise<unknown>) =>
      promise.then(
        () => 'no error',
        (error: RuntimeDriverError) => error.code,
      );

    it('lists what runs', async () => {
      expect((await driver.list()).map(({ role, state }) => [role, state]).sort()).toEqual([
        ['api', 'running'],
        ['worker', 'running'],
      ]);
      const { since, restarts, last_exit } = await worker();
      expect(new Date(since).getTime()).toBeLessThanOrEqual(Date.now());
      expect({ restarts, last_exit }).toEqual({ restarts: 0, last_exit: null });
    });

    it('stops a service, which stays stopped until it is started', async () => {
      const { name: service, pid } = await worker();
      expect(await driver.stop(service)).toMatchObject({ name: service, state: 'stopped', pid: null });
      expect(await driver.stop(service)).toMatchObject({ state: 'stopped' });
      const started = await driver.start(service);
      expect(started.state).toBe('running');
      expect(started.pid).not.toBe(pid);
      expect((await driver.start(service)).pid).toBe(started.pid);
    });

    it('restarts a service', async () => {
      const { name: service, pid } = await worker();
      const restarted = await driver.restart(service);
      expect(restarted).toMatchObject({ name: service, state: 'running' });
      expect(restarted.pid).not.toBe(pid);
    });

    it('kills a service, which then comes back by itself', async () => {
      const { name: service, pid } = await worker();
      await driver.kill(service);
      const back = await eventually(async () => {
        const now = await one(service);
        expect(now).toMatchObject({ state: 'running', restarts: 1 });
        return now;
      });
      expect(back.pid).not.toBe(pid);
      expect(back.last_exit).toBe('SIGKILL');
    });

    it('scales a role up and down, and to nothing', async () => {
      const { pid } = await worker();
      expect(await driver.scale('worker', 3)).toEqual({ role: 'worker', replicas: 3, previous: 1 });
      const three = await ofRole('worker');
      expect(three.map(({ state }) => state)).toEqual(['running', 'running', 'running']);
      expect(new Set(three.map((service) => service.name)).size).toBe(3);
      expect(await driver.scale('worker', 1)).toEqual({ role: 'worker', replicas: 1, previous: 3 });
      expect((await ofRole('worker')).map((service) => service.pid)).toEqual([pid]);
      expect(await driver.scale('worker', 0)).toEqual({ role: 'worker', replicas: 0, previous: 1 });
      expect(await ofRole('worker')).toEqual([]);
    });

    it('keeps the workers of each pool apart', async () => {
      const { name, pid, pool } = await worker();
      expect(pool).toBe('default');
      const gpu = { pool: 'gpu' };
      expect(await driver.scale('worker', 2, gpu)).toEqual({ role: 'worker', replicas: 2, previous: 0 });
      const ofPool = async () =>
        (await ofRole('worker'))
          .filter((service) => service.pool === 'gpu')
          .map((service) => `${service.name} ${service.state}`);
      expect(await ofPool()).toEqual(['worker-gpu-1 running', 'worker-gpu-2 running']);
      expect(await driver.addWorker('gpu', 'painter')).toMatchObject({
        name: 'painter',
        role: 'worker',
        pool: 'gpu',
        state: 'running',
      });
      expect(await codeOf(driver.addWorker('gpu', 'painter'))).toBe('EXISTS');
      expect(await codeOf(driver.addWorker('gpu', 'Painter!'))).toBe('INVALID');
      expect(await codeOf(driver.addWorker('G P U', 'artist'))).toBe('INVALID');
      expect(await codeOf(driver.scale('worker', 1, { pool: 'G P U' }))).toBe('INVALID');
      const first = ['worker-gpu-1', 'painter'];
      expect(await driver.scale('worker', 1, { ...gpu, first })).toMatchObject({ previous: 3 });
      expect(await ofPool()).toEqual(['worker-gpu-2 running']);
      await driver.scale('worker', 0, gpu);
      expect(await ofRole('worker')).toMatchObject([{ name, pid, state: 'running' }]);
    });

    it('reads the newest lines of a log, oldest first', async () => {
      const { name: service } = await worker();
      await driver.restart(service);
      const [first, second] = await eventually(async () => {
        const lines = (await driver.logs(service, 100)).map(({ line }) => /^up (\d+)$/.exec(line)?.[1]);
        expect(lines).toHaveLength(2);
        return lines.map(Number);
      });
      expect(second).toBeGreaterThan(first ?? Number.NaN);
      expect((await driver.logs(service, 1)).map(({ line }) => line)).toEqual([`up ${second}`]);
    });

    it('says why it cannot', async () => {
      for (const act of [driver.start, driver.stop, driver.restart, driver.kill]) {
        expect(await codeOf(act.call(driver, 'nobody-7'))).toBe('UNKNOWN_SERVICE');
      }
      expect(await codeOf(driver.logs('nobody-7', 10))).toBe('UNKNOWN_SERVICE');
      const { name: service } = await worker();
      expect(await codeOf(driver.logs(service, 0))).toBe('INVALID');
      expect(await codeOf(driver.scale('worker', -1))).toBe('INVALID');
      expect(await codeOf(driver.scale('worker', 1.5))).toBe('INVALID');
      expect(await codeOf(driver.scale('postgres', 2))).toBe('NOT_SCALABLE');
    });

    it('says that its other end does not answer', async () => {
      await harness.disconnect();
      expect(await codeOf(driver.list())).toBe('UNAVAILABLE');
    });
  });
}
