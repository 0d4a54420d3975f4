import { randomUUID } from 'node:crypto';
import { rmSync } from 'node:fs';
import { createConnection, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import Docker from 'dockerode';
import { DockerEngine } from '../../../src/fleet/drivers/swarm/docker-engine';
import { SwarmDriver } from '../../../src/fleet/drivers/swarm/swarm-driver';
import { eventually } from '../eventually';
import { type DriverHarness, GREETING_SCRIPT } from '../runtime-driver.contract';
import { temporaryFolder } from '../servers';

/** An engine that services can be made in. */
export interface TestEngine {
  socketPath: string;
  /** An image with node at /usr/bin/node. */
  image: string;
}

/** A stack of its own in an engine, with a driver for it. */
export interface SwarmHarness extends DriverHarness {
  driver: SwarmDriver;
  engine: DockerEngine;
  /** The engine's own client, for looking at effects. */
  docker: Docker;
  stack: string;
  /** Makes a service of the stack and waits until it runs. */
  deploy(name: string, role: string, changes?: Partial<ServiceChanges>): Promise<void>;
}

/** What differs from a worker that greets. */
export interface ServiceChanges {
  /** For `node -e`; it says that it is well with {@link WELL}. */
  script: string;
}

/** In a script: from now on the service is well. */
export const WELL = `require('fs').writeFileSync(process.env.UP_FILE, '');`;
/** The environment that the health check relies on; the image has no /tmp. */
export const UP_FILE = 'UP_FILE=/up';
/** Where the image has it. */
const NODE = '/usr/bin/node';
const IS_WELL = `process.exit(require('fs').existsSync(process.env.UP_FILE) ? 0 : 1)`;

const MS = 1_000_000;

/** A stack with one api and one worker that write a greeting; they are gone after `close`. */
export async function swarmHarness(engine: TestEngine): Promise<SwarmHarness> {
  const stack = `test-${randomUUID().slice(0, 8)}`;
  const docker = new Docker({ socketPath: engine.socketPath });
  const cable = await plug(engine.socketPath);
  const own = new DockerEngine({ socketPath: cable.path });
  const driver = new SwarmDriver(own, stack, 30_000);
  const services = () => docker.listServices({ filters: { label: [`com.docker.stack.namespace=${stack}`] } });
  const deploy: SwarmHarness['deploy'] = async (name, role, changes = {}) => {
    await docker.createService(serviceSpec(stack, name, role, engine.image, changes));
    await eventually(
      async () =>
        expect((await driver.list()).find((service) => service.name === name)).toMatchObject({
          state: 'running',
        }),
      { timeoutMs: 20_000 },
    );
  };
  await Promise.all([deploy('api', 'api'), deploy('worker-1', 'worker')]);
  return {
    driver,
    engine: own,
    docker,
    stack,
    deploy,
    disconnect: () => cable.pull(),
    close: async () => {
      for (const service of await services()) await docker.getService(service.ID).remove();
      await cable.pull();
    },
  };
}

function serviceSpec(
  stack: string,
  name: string,
  role: string,
  image: string,
  { script = `${GREETING_SCRIPT} ${WELL}` }: Partial<ServiceChanges>,
): Docker.CreateServiceOptions {
  return {
    Name: `${stack}_${name}`,
    Labels: {
      'com.docker.stack.namespace': stack,
      'com.agentos.role': role,
      'com.agentos.name': name,
    },
    TaskTemplate: {
      ContainerSpec: {
        Image: image,
        Command: [NODE, '-e', script],
        Env: [UP_FILE],
        Init: true,
        StopGracePeriod: 5_000 * MS,
        HealthCheck: { Test: ['CMD', NODE, '-e', IS_WELL], Interval: 500 * MS, StartPeriod: 30_000 * MS },
      },
      RestartPolicy: { Condition: 'any', Delay: 300 * MS },
      Networks: [{ Target: 'host' }],
    },
    Mode: { Replicated: { Replicas: 1 } },
    UpdateConfig: {
      Parallelism: 1,
      Order: 'stop-first',
      FailureAction: 'rollback',
      Monitor: 1_000 * MS,
    },
  };
}

/** A connection to the engine that the test can pull out, without hurting the engine. */
async function plug(target: string): Promise<{ path: string; pull(): Promise<void> }> {
  const folder = temporaryFolder('engine');
  const path = join(folder, 'docker.sock');
  const sockets = new Set<Socket>();
  const server = createServer((near) => {
    const far = createConnection(target);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    path,
    pull: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of sockets) socket.destroy();
      await closed;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
