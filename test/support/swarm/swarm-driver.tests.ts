import { eventually } from '../eventually';
import { type SwarmHarness, UP_FILE, WELL } from './harness';

/** Sets an environment variable in a service's specification, as a deploy would. */
async function redeploy({ docker, stack }: SwarmHarness, name: string, variable: string): Promise<void> {
  const service = docker.getService(`${stack}_${name}`);
  const { Spec, Version } = (await service.inspect()) as { Spec: Spec; Version: { Index: number } };
  Spec.TaskTemplate.ContainerSpec.Env = [UP_FILE, variable];
  await service.update({ _query: { version: Version.Index }, _body: Spec });
}

interface Spec {
  Labels: Record<string, string>;
  Mode: { Replicated: { Replicas: number } };
  TaskTemplate: { ContainerSpec: { Env?: string[] } };
}

/** What is the Swarm's own about its driver; run against the stand-in and against Docker alike. */
export function describeSwarmDriver(create: () => Promise<SwarmHarness>): void {
  describe('the driver of a Swarm', () => {
    let harness: SwarmHarness;

    beforeEach(async () => {
      harness = await create();
    });
    afterEach(() => harness.close());

    const specOf = async (name: string) =>
      ((await harness.docker.getService(`${harness.stack}_${name}`).inspect()) as { Spec: Spec }).Spec;
    const named = async (name: string) =>
      (await harness.driver.list()).find((service) => service.name === name);
    const names = async () => (await harness.driver.list()).map(({ name }) => name);
    const tasksOf = async (name: string) =>
      (
        (await harness.docker.listTasks({ filters: { service: [`${harness.stack}_${name}`] } })) as {
          Status: { State: string };
        }[]
      ).filter(({ Status }) => Status.State === 'running');

    it('takes a service with replicas for one service, and starts it with as many as it had', async () => {
      const { driver } = harness;
      expect(await driver.scale('api', 2)).toEqual({ role: 'api', replicas: 2, previous: 1 });
      expect(await tasksOf('api')).toHaveLength(2);
      expect(await names()).toEqual(['api', 'worker-1']);
      expect(await named('api')).toMatchObject({ state: 'running', pid: null });
      const before = (await tasksOf('api')).map((task) => JSON.stringify(task));
      await driver.restart('api');
      const after = (await tasksOf('api')).map((task) => JSON.stringify(task));
      expect(after.filter((task) => before.includes(task))).toEqual([]);
      await driver.stop('api');
      expect(await tasksOf('api')).toEqual([]);
      await driver.start('api');
      expect(await tasksOf('api')).toHaveLength(2);
    });

    it('keeps a worker of the stack that is scaled away, removes an added one, and takes the first up again', async () => {
      const { driver, docker, stack } = harness;
      await driver.scale('worker', 2);
      expect((await specOf('worker-2')).Labels).toMatchObject({
        'com.agentos.clone-of': `${stack}_worker-1`,
        'com.docker.stack.namespace': stack,
      });
      await driver.scale('worker', 1, { pool: 'gpu' });
      const { Labels, TaskTemplate } = await specOf('worker-gpu-1');
      expect(Labels).toMatchObject({
        'com.agentos.clone-of': `${stack}_worker-1`,
        'com.agentos.pool': 'gpu',
      });
      expect(TaskTemplate.ContainerSpec.Env).toEqual([UP_FILE, 'WORKER_POOL=gpu']);
      await driver.scale('worker', 0, { pool: 'gpu' });
      await driver.scale('worker', 0);
      const left = await docker.listServices({
        filters: { label: [`com.docker.stack.namespace=${stack}`, 'com.agentos.role=worker'] },
      });
      expect(left.map(({ Spec }) => Spec?.Name)).toEqual([`${stack}_worker-1`]);
      await expect(driver.start('worker-1')).rejects.toMatchObject({ code: 'UNKNOWN_SERVICE' });
      await driver.scale('worker', 1);
      expect(await named('worker-1')).toMatchObject({ state: 'running' });
    });

    it('lets added workers follow what the stack says now, one after the other, and not before it works', async () => {
      const { driver } = harness;
      await driver.scale('worker', 3);
      await driver.stop('worker-3');
      expect(await driver.align()).toBe(false);
      await redeploy(harness, 'worker-1', 'VERSION=2');
      await eventually(async () => expect(await driver.align()).toBe(true), { timeoutMs: 30_000 });
      const env = async (name: string) => (await specOf(name)).TaskTemplate.ContainerSpec.Env;
      expect(await env('worker-2')).toContain('VERSION=2');
      expect(await env('worker-3')).not.toContain('VERSION=2');
      await eventually(async () => expect(await driver.align()).toBe(true), { timeoutMs: 30_000 });
      expect(await env('worker-3')).toContain('VERSION=2');
      expect(await named('worker-3')).toMatchObject({ state: 'stopped' });
      expect(await driver.align()).toBe(false);
      await eventually(async () => expect(await named('worker-2')).toMatchObject({ state: 'running' }));
    });

    it('says how a service ends that cannot start, and starts it when that is mended', async () => {
      const { driver, deploy } = harness;
      const script = `if (process.env.VERSION === '2') process.exit(3);
        ${WELL} setInterval(() => {}, 1e6); process.on('SIGTERM', () => process.exit(0));`;
      await deploy('worker-7', 'worker', { script });
      await driver.stop('worker-7');
      await redeploy(harness, 'worker-7', 'VERSION=2');
      await expect(driver.start('worker-7')).rejects.toMatchObject({
        code: 'FAILED',
        message: 'worker-7 ended while starting (exit code 3).',
      });
      await eventually(async () => {
        const now = await named('worker-7');
        expect(now).toMatchObject({ last_exit: 'exit code 3', pid: null });
        expect(now?.restarts).toBeGreaterThan(1);
      });
      await driver.stop('worker-7');
      await redeploy(harness, 'worker-7', 'VERSION=3');
      expect(await driver.start('worker-7')).toMatchObject({ state: 'running' });
    });

    it('sees nothing of another stack', async () => {
      const other = await create();
      expect(await names()).toEqual(['api', 'worker-1']);
      await harness.driver.stop('worker-1');
      expect(await other.driver.list()).toMatchObject([{ state: 'running' }, { state: 'running' }]);
      await other.close();
    });

    it('puts long lines together again, and sorts what came from several streams by time', async () => {
      const script = `console.error('e'.repeat(40_000)); setTimeout(() => console.log('later'), 50);
        ${WELL} setInterval(() => {}, 1e6); process.on('SIGTERM', () => process.exit(0));`;
      await harness.deploy('worker-5', 'worker', { script });
      const lines = await eventually(async () => {
        const found = await harness.driver.logs('worker-5', 10);
        expect(found).toHaveLength(2);
        return found;
      });
      expect(lines.map(({ line }) => line)).toEqual(['e'.repeat(40_000), 'later']);
      for (const { at } of lines) expect(Math.abs(Date.now() - Date.parse(at ?? ''))).toBeLessThan(60_000);
    });
  });
}
