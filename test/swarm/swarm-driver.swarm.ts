import Docker from 'dockerode';
import { describeRuntimeDriver } from '../support/runtime-driver.contract';
import { swarmHarness } from '../support/swarm/harness';
import { describeSwarmDriver } from '../support/swarm/swarm-driver.tests';
import { IMAGE, importNodeImage } from './image';

// `npm run test:swarm`: against a real engine that is a manager of a Swarm, on this machine.
const socketPath = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '');

beforeAll(() => importNodeImage(new Docker({ socketPath })), 60_000);

const create = () => swarmHarness({ socketPath, image: IMAGE });

describeRuntimeDriver('swarm', create);
describeSwarmDriver(create);
