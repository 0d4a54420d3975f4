import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'pg';
import { ProcessDriver } from '../../src/fleet/drivers/process/process-driver';
import { socketPath } from '../../src/up/control/control-server';
import type { OwnedProcess } from '../../src/up/ownership/owned-processes';
import { isAlive } from '../../src/platform/process/process-identity';
import { testPort } from '../support/ports';
import { eventually } from '../support/eventually';
import { Launch, START_MS } from '../support/launch';
import { pools } from './cases/pools';

/** What Postgres says while there is something left of another one on its data. */
const REFUSAL = /FATAL: +(lock file "postmaster.pid" already exists|pre-existing shared memory block)/;

/** The processes that a process has started, by their ids. */
const childrenOf = (pid: number) =>
  readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ').map(Number);

describe('npm start', () => {
  let home: string;
  let env: NodeJS.ProcessEnv;
  let url: string;

  const file = (...path: string[]) => readFileSync(join(home, ...path), 'utf8');
  const json = <T>(...path: string[]) => JSON.parse(file(...path)) as T;
  const owned = () => json<OwnedProcess[]>('run', 'processes.json');
  const launch = (variables: NodeJS.ProcessEnv = {}) => new Launch({ ...env, ...variables });
  const driver = () => new ProcessDriver(socketPath(join(home, 'run')));
  const databaseUrl = () => json<{ database_url: string }>('run', 'endpoints.json').database_url;

  const signIn = async () => {
    const response = await fetch(`${url}/api/auth/login`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: file('credentials.json'),
    });
    return response.status;
  };

  const isReady = async () => {
    const { status } = await fetch(`${url}/health/ready`);
    expect(status).toBe(200);
  };

  const allGone = (processes: OwnedProcess[]) =>
    eventually(() => expect(processes.filter(isAlive).map(({ name }) => name)).toEqual([]), {
      timeoutMs: 60_000,
    });

  beforeAll(async () => {
    home = mkdtempSync(join(tmpdir(), 'agentos-launch-'));
    const [port, wsPort] = [await testPort(), await testPort()];
    url = `http://127.0.0.1:${port}`;
    env = {
      AGENTOS_HOME: home,
      PORT: String(port),
      WS_PORT: String(wsPort),
      AGENTOS_SAMPLE: 'off',
      NODE_ENV: '',
    };
  });

  afterAll(() => rmSync(home, { recursive: true, force: true }));

  let first: Launch;

  it(
    'brings everything up on an empty folder',
    async () => {
      first = await launch().ready();
      await isReady();
      expect(first.output).toMatch(/Sign in as +admin@agentos\.local \/ \S{20}/);
      expect(await signIn()).toBe(200);
      expect(
        owned()
          .map(({ name }) => name)
          .sort(),
      ).toEqual(['api-1', 'manager-1', 'postgres', 'redis', 'worker-1']);
    },
    START_MS,
  );

  it('keeps its secrets to its own user, and its processes from owning the database', async () => {
    for (const path of [
      'credentials.json',
      'run/endpoints.json',
      'secrets/redis',
      'secrets/postgres-owner',
    ]) {
      expect([path, (statSync(join(home, path)).mode & 0o777).toString(8)]).toEqual([path, '600']);
    }
    expect((statSync(join(home, 'keys')).mode & 0o777).toString(8)).toBe('700');
    const client = new Client({ connectionString: databaseUrl() });
    await client.connect();
    const { rows } = await client.query('SELECT rolsuper FROM pg_roles WHERE rolname = current_user');
    expect(rows).toEqual([{ rolsuper: false }]);
    await expect(client.query('DROP TABLE audit_entries')).rejects.toThrow('must be owner');
    await client.end();
  });

  it('is refused a second time on the same folder, in one sentence', async () => {
    const second = launch();
    expect(await second.exit()).toBe(1);
    expect(second.output).toMatch(/^AgentOS is already running on \S+ \(process \d+\); stop that one, .*\n$/);
  });

  it('starts what dies again, servers too', async () => {
    for (const name of ['worker-1', 'postgres', 'redis']) await driver().kill(name);
    await eventually(
      async () => {
        const states = (await driver().list()).map(({ name, state }) => `${name} ${state}`);
        expect(states.filter((text) => !text.endsWith(' running'))).toEqual([]);
        await isReady();
      },
      { timeoutMs: 60_000 },
    );
    expect(await signIn()).toBe(200);
  });

  describe('and pools of workers', () =>
    pools(() => ({
      url,
      databaseUrl: databaseUrl(),
      admin: json('credentials.json'),
      driver: driver(),
    })));

  it('leaves nothing running when it is killed', async () => {
    const before = owned();
    expect(await first.exit('SIGKILL')).toBe('SIGKILL');
    await allGone(before);
  });

  it(
    'goes on where it was, also when the killed one has not gone yet',
    async () => {
      const killed = launch({ WORKERS: '0' });
      const before = await eventually(
        () => {
          const processes = owned();
          expect(processes.map(({ name }) => name)).toEqual(expect.arrayContaining(['api-1', 'manager-1']));
          expect(processes.every(isAlive)).toBe(true);
          return processes;
        },
        { timeoutMs: START_MS },
      );
      await killed.exit('SIGKILL');
      const again = await launch().ready();
      expect(again.output).toContain('(as set at the first start)');
      expect(before.filter(isAlive)).toEqual([]);
      expect(await signIn()).toBe(200);
      const last = owned();
      expect(await again.exit('SIGTERM')).toBe(0);
      expect(again.output.match(/stopping \w+/g)).toEqual(
        ['api', 'manager', 'worker', 'redis', 'postgres'].map((role) => `stopping ${role}`),
      );
      expect(last.filter(isAlive)).toEqual([]);
    },
    2 * START_MS,
  );

  it(
    'waits for what a Postgres that was killed has left behind',
    async () => {
      const killed = launch({ WORKERS: '0' });
      const postmaster = await eventually(
        () => {
          const processes = owned();
          expect(processes.map(({ name }) => name)).toContain('manager-1');
          expect(processes.every(isAlive)).toBe(true);
          return processes.find(({ name }) => name === 'postgres')?.pid ?? 0;
        },
        { timeoutMs: START_MS },
      );
      // It holds the memory that all share, and does not notice that it is alone.
      const rest = childrenOf(postmaster)[0] ?? 0;
      process.kill(rest, 'SIGSTOP');
      await killed.exit('SIGKILL');
      process.kill(postmaster, 'SIGKILL');
      const again = launch();
      try {
        await eventually(() => expect(file('logs', 'postgres.log')).toMatch(REFUSAL), {
          timeoutMs: START_MS,
        });
      } finally {
        process.kill(rest, 'SIGCONT');
      }
      await again.ready();
      expect(await signIn()).toBe(200);
      expect(await again.exit('SIGTERM')).toBe(0);
    },
    2 * START_MS,
  );

  it(
    'ends with 0 when it is stopped while it starts, and leaves nothing',
    async () => {
      const starting = launch();
      const begun = await eventually(() => {
        const processes = owned();
        expect(processes.length).toBeGreaterThan(0);
        return processes;
      });
      expect(await starting.exit('SIGINT')).toBe(0);
      expect(begun.filter(isAlive)).toEqual([]);
    },
    START_MS,
  );
});
