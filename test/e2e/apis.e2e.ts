import { Cluster } from '../support/cluster';
import { accessTokens } from './cases/access-tokens';
import { apiDescription, servedApi } from './cases/api-description';
import { bombs } from './cases/bombs';
import { clocks } from './cases/clocks';
import { health } from './cases/health';
import { people } from './cases/people';

describe('the API description', apiDescription);

describe('two api processes', () => {
  let cluster: Cluster;
  const running = () => cluster;

  beforeAll(async () => {
    // Everything that is ever logged: what must not be there is looked for.
    cluster = await Cluster.start({ variables: { LOG_LEVEL: 'trace' } });
  });
  afterAll(() => cluster?.stop());

  describe('serve what is described', () => servedApi(running));
  describe('as a load balancer and a monitoring system see them', () => health(running));
  describe('and who sends bombs', () => bombs(running));
  describe('and people', () => people(running));
  describe('and access tokens', () => accessTokens(running));
  describe('and a third one, whose clock is five minutes ahead', () => clocks(running));
});
