import { requestsWithSecrets } from './cases/canaries/requests';
import { headsWithSecrets } from './cases/canaries/heads';
import { socketsWithSecrets } from './cases/canaries/sockets';
import { errorsWithSecrets } from './cases/canaries/errors';
import { secretsOfItsOwn } from './cases/canaries/own';
import { settingsWithSecrets } from './cases/canaries/settings';
import { Watch } from '../support/canaries/watch';

/** Secrets are planted wherever somebody could put one, and then looked for wherever something is kept, shown or told. */
describe('no secret is kept, shown or told', () => {
  let watch: Watch;
  const watching = () => watch;

  beforeAll(async () => {
    watch = await Watch.start();
  });
  afterAll(() => watch?.stop());

  describe('of bodies', () => requestsWithSecrets(watching));
  describe('of heads and addresses', () => headsWithSecrets(watching));
  describe('of connections to the gateway', () => socketsWithSecrets(watching));
  describe('of settings', () => settingsWithSecrets(watching));
  describe('of errors', () => errorsWithSecrets(watching));
  describe('of its own', () => secretsOfItsOwn(watching));

  it('in any store, output, answer, file, frame or metric', async () => {
    const stores = await watch.stores();
    expect(watch.canaries.missing(stores)).toEqual([]);
    expect(watch.canaries.leaks(stores)).toEqual([]);
    expect(watch.canaries.size).toBeGreaterThan(100);
  });
});
