import { mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProcessDriver } from '../../src/fleet/drivers/process/process-driver';
import type { RuntimeRole } from '../../src/fleet/runtime-driver';
import { ControlServer, socketPath } from '../../src/up/control/control-server';
import { BackOff } from '../../src/up/supervise/back-off';
import { RotatingLog } from '../../src/up/supervise/rotating-log';
import {
  NotReady,
  SupervisedProcess,
  type ProcessListener,
  type ProcessSpec,
} from '../../src/up/supervise/supervised-process';
import { Supervisor } from '../../src/up/supervise/supervisor';
import { eventually } from '../support/eventually';
import {
  describeRuntimeDriver,
  type DriverHarness,
  GREETING_SCRIPT,
} from '../support/runtime-driver.contract';

const READY = `${GREETING_SCRIPT} process.send({ type: 'ready' });`;

const silent: ProcessListener = {
  started: () => undefined,
  ended: () => undefined,
  line: () => undefined,
  notice: () => undefined,
  gaveUp: () => undefined,
};

function specOf(
  role: RuntimeRole,
  name: string,
  pool: string | null = role === 'worker' ? 'default' : null,
  script = READY,
): ProcessSpec {
  return {
    name,
    role,
    pool,
    command: process.execPath,
    args: ['-e', script],
    env: { PATH: process.env.PATH },
    cwd: '/',
    stopSignal: 'SIGTERM',
    stopGraceMs: 5_000,
    readyMs: 10_000,
    ready: 'ipc',
  };
}

function folders() {
  const home = mkdtempSync(join(tmpdir(), 'driver-'));
  const logs = join(home, 'logs');
  mkdirSync(logs);
  return { home, logs, run: join(home, 'run') };
}

async function harness(): Promise<DriverHarness & { path: string }> {
  const { home, logs, run } = folders();
  const supervisor = new Supervisor(logs, silent, specOf);
  await Promise.all([supervisor.run(specOf('api', 'api-1')), supervisor.run(specOf('worker', 'worker-1'))]);
  const server = await ControlServer.listen(run, supervisor);
  return {
    driver: new ProcessDriver(server.path),
    path: server.path,
    disconnect: () => server.close(),
    close: async () => {
      await supervisor.stopAll(() => undefined);
      await server.close();
      rmSync(home, { recursive: true, force: true });
    },
  };
}

describeRuntimeDriver('process', harness);

describe('the launcher end of the process driver', () => {
  it('keeps a fixed number of api processes', async () => {
    const { driver, close } = await harness();
    await expect(driver.scale('api', 2)).rejects.toMatchObject({ code: 'NOT_SCALABLE' });
    await close();
  });

  it.each([
    ['no JSON', 'hello\n', 'The request is broken: a line is not valid JSON.'],
    [
      'an unknown method',
      '{"id":1,"method":"format"}\n',
      /^The request is wrong: method must be one of list/,
    ],
    ['a wrong role', '{"id":1,"method":"scale","role":"king","replicas":1}\n', /role must be one of/],
    [
      'a wrong scope',
      '{"id":1,"method":"scale","role":"worker","replicas":1,"scope":{"first":[1]}}\n',
      /scope must have/,
    ],
    ['no pool', '{"id":1,"method":"addWorker","name":"x"}\n', /pool must be a string/],
    ['no name', '{"id":1,"method":"kill"}\n', /name must be a string/],
    ['a line without an end', 'x'.repeat(70_000), /longer than 65536 characters/],
  ])('answers %s with a sentence', async (_, request, message) => {
    const { close, path } = await harness();
    const answer = await new Promise<string>((resolve, reject) => {
      const socket = createConnection(path, () => socket.write(request));
      socket.once('data', (data) => resolve(data.toString()));
      socket.once('error', reject);
    });
    await close();
    expect(JSON.parse(answer)).toMatchObject({
      ok: false,
      error: { code: 'INVALID', message: expect.stringMatching(message) as string },
    });
  });

  it('gives a long path of the run folder a socket that the kernel can open', () => {
    expect(socketPath('/srv/agentos/run')).toBe('/srv/agentos/run/launcher.sock');
    const long = socketPath(`/srv/${'x'.repeat(120)}/run`);
    expect(long.length).toBeLessThan(100);
    expect(long).not.toBe(socketPath(`/srv/${'y'.repeat(120)}/run`));
  });
});

describe('a supervised process', () => {
  it('that cannot start is reported with its last words, and not tried again', async () => {
    const { home, logs } = folders();
    const supervisor = new Supervisor(logs, silent, specOf);
    const broken = specOf(
      'worker',
      'worker-1',
      'default',
      `console.error('no such setting'); process.exit(3);`,
    );
    const error: unknown = await supervisor.run(broken).catch((reason: unknown) => reason);
    expect(error).toBeInstanceOf(NotReady);
    expect((error as NotReady).message).toBe('worker-1 ended while starting (exit code 3)');
    expect((error as NotReady).lastLines).toEqual(['no such setting']);
    expect(await supervisor.list()).toMatchObject([
      { state: 'failed', restarts: 0, last_exit: 'exit code 3' },
    ]);
    rmSync(home, { recursive: true, force: true });
  });

  it('that keeps ending is started again with growing waits, and then given up loudly', async () => {
    const { home, logs } = folders();
    const notices: string[] = [];
    const gaveUp = new Promise<string>((resolve) => {
      const listener = { ...silent, notice: (text: string) => notices.push(text), gaveUp: resolve };
      const backOff = new BackOff({ firstMs: 20, maxMs: 40, healthyMs: 60_000, maxShortLives: 3 });
      const script = `process.send({ type: 'ready' }, () => process.exit(1));`;
      const log = new RotatingLog(join(logs, 'worker-1.log'));
      void new SupervisedProcess(
        specOf('worker', 'worker-1', 'default', script),
        log,
        listener,
        backOff,
      ).start();
    });
    expect(await gaveUp).toBe('worker-1');
    const waits = notices.flatMap((text) => /again in ([\d.]+) s/.exec(text)?.[1] ?? []);
    expect(waits).toEqual(['0.02', '0.04', '0.04']);
    expect(notices.at(-1)).toContain('worker-1 KEEPS FAILING (exit code 1): given up.');
    rmSync(home, { recursive: true, force: true });
  });

  it('takes what it left in its process group along when it dies', async () => {
    const { home, logs } = folders();
    const lines: string[] = [];
    const supervisor = new Supervisor(logs, { ...silent, line: (_, line) => lines.push(line) }, specOf);
    const script = `const child = require('child_process').spawn('sleep', ['600']); console.log(child.pid); process.send({ type: 'ready' });`;
    await supervisor.run(specOf('worker', 'worker-1', 'default', script));
    const left = await eventually(() => {
      expect(lines).toHaveLength(1);
      return Number(lines[0]);
    });
    process.kill(Number((await supervisor.list())[0]?.pid), 'SIGKILL');
    await eventually(() => expect(() => process.kill(left, 0)).toThrow('ESRCH'));
    await supervisor.stopAll(() => undefined);
    rmSync(home, { recursive: true, force: true });
  });

  it('that is started while it stops is started when it has ended', async () => {
    const { home, logs } = folders();
    const script = `process.on('SIGTERM', () => setTimeout(() => process.exit(), 300)); process.send({ type: 'ready' });`;
    const supervisor = new Supervisor(logs, silent, specOf);
    await supervisor.run(specOf('worker', 'worker-1', 'default', script));
    const look = async () => (await supervisor.list())[0];
    const first = await look();
    const stopped = supervisor.stop('worker-1');
    expect(await look()).toMatchObject({ state: 'stopping' });
    const started = await Promise.all([supervisor.start('worker-1'), supervisor.start('worker-1')]);
    await stopped;
    const second = await look();
    expect(started).toMatchObject([{ pid: second?.pid }, { pid: second?.pid }]);
    expect(second).toMatchObject({ state: 'running', pid: expect.any(Number) as number });
    expect(second?.pid).not.toBe(first?.pid);

    const starting = supervisor.stop('worker-1').then(() => look());
    const late = supervisor.start('worker-1').catch((error: Error) => error.message);
    await supervisor.stopAll(() => undefined);
    expect(await late).toBe('worker-1 was stopped before it could be started.');
    expect(await starting).toMatchObject({ state: 'stopped', pid: null });
    for (const pid of [first?.pid, second?.pid]) expect(() => process.kill(Number(pid), 0)).toThrow('ESRCH');
    rmSync(home, { recursive: true, force: true });
  });

  it('leaves no log open when its pool gets smaller, and its last words are in it', async () => {
    const { home, logs } = folders();
    const script = `process.on('SIGTERM', () => { console.log('the last words'); process.exit(); }); ${READY}`;
    const supervisor = new Supervisor(logs, silent, (role, name, pool) => specOf(role, name, pool, script));
    await supervisor.scale('worker', 2);
    const [first] = await supervisor.list();
    const path = join(logs, `${first?.name}.log`);
    await supervisor.scale('worker', 0);
    await eventually(() => expect(openFiles().filter((file) => file.startsWith(logs))).toEqual([]));
    expect(readFileSync(path, 'utf8')).toContain('the last words');
    rmSync(home, { recursive: true, force: true });
  });
});

/** What this process has open. */
function openFiles(): string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return []; // closed meanwhile
    }
  });
}
