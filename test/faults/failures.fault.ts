import { HeldEncoder } from '../support/held-encoder';
import { type BreakableCluster, startBreakable } from '../support/private-servers';
import { TEST_SETTINGS } from '../support/users';
import { processes } from './cases/processes';
import { servers } from './cases/servers';
import { uploads } from './cases/uploads';

describe('an installation in which everything fails once', () => {
  let broken: BreakableCluster;
  let encoder: HeldEncoder;
  const cluster = () => broken.cluster;

  beforeAll(async () => {
    encoder = await HeldEncoder.make();
    broken = await startBreakable({
      variables: encoder.variables,
      // So that what a killed api had claimed is soon free.
      settings: { ...TEST_SETTINGS, executions: { lease_s: 5 } },
    });
  });
  afterAll(async () => {
    await broken?.stop();
    encoder?.remove();
  });

  // First, while nothing else has used the memory of the api.
  describe('while files are uploaded', () => uploads(cluster));
  describe('when a process is killed', () => processes(() => ({ cluster: cluster(), encoder })));
  describe('when a server fails in the middle of a job', () => servers(() => ({ broken, encoder })));
});
