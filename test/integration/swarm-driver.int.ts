import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { DockerEngine } from '../../src/fleet/drivers/swarm/docker-engine';
import { SwarmDriver } from '../../src/fleet/drivers/swarm/swarm-driver';
import { describeRuntimeDriver } from '../support/runtime-driver.contract';
import { EngineStandIn } from '../support/swarm/engine-stand-in';
import { describeSwarmDriver } from '../support/swarm/swarm-driver.tests';
import { swarmHarness } from '../support/swarm/harness';

let engine: EngineStandIn;

beforeAll(async () => {
  engine = await EngineStandIn.start();
});
afterAll(() => engine.close());

describeRuntimeDriver('swarm', () => swarmHarness(engine));
describeSwarmDriver(() => swarmHarness(engine));

describe('the driver of a Swarm', () => {
  it('does not kill what runs on another node, and says so', async () => {
    engine.placement = 'somewhere-else';
    const { driver, close } = await swarmHarness(engine);
    engine.placement = engine.nodeId;
    const before = await driver.list();
    await expect(driver.kill('worker-1')).rejects.toMatchObject({
      code: 'FAILED',
      message: expect.stringContaining('runs on node somewhere-else') as string,
    });
    expect(await driver.list()).toEqual(before);
    await close();
  });

  it.each<[string, RequestListener, number, RegExp]>([
    ['that says nothing', () => undefined, 200, /did not answer within 0.2 s/],
    [
      'that is no manager of a Swarm',
      (_, response) =>
        response.writeHead(503).end(JSON.stringify({ message: 'This node is not a swarm manager.' })),
      60_000,
      /not a swarm manager/,
    ],
    ['that hangs up', (request) => request.socket.destroy(), 60_000, /cannot be used/],
  ])('gives up on an engine %s', async (_, listener, timeoutMs, message) => {
    const server = createServer(listener).listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const driver = new SwarmDriver(new DockerEngine({ host: '127.0.0.1', port }, timeoutMs), 'agentos');
    await expect(driver.list()).rejects.toMatchObject({
      code: 'UNAVAILABLE',
      message: expect.stringMatching(message) as string,
    });
    server.closeAllConnections();
    server.close();
  });
});
