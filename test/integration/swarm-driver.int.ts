import { describeRuntimeDriver } from '../support/runtime-driver.contract';
import { EngineStandIn } from '../support/swarm/engine-stand-in';
import { describeSwarmDriver } from '../support/swarm/swarm-driver.tests';
import { swarmHarness } from '../support/swarm/harness';

jest.setTimeout(30_000);

let engine: EngineStandIn;

beforeAll(async () => {
  engine = await EngineStandIn.start();
});
afterAll(() => engine.close());

describeRuntimeDriver('swarm', () => swarmHarness(engine));
describeSwarmDriver(() => swarmHarness(engine));
