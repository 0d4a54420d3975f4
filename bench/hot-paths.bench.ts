import { Cluster } from '../test/support/cluster';
import type { HttpClient } from '../test/support/http-client';
import { load, report, startFloor } from './load';

const SECONDS = 5;

describe('hot paths, as a share of what the machine can do', () => {
  let cluster: Cluster;
  let operator: HttpClient;

  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 1, variables: { LOG_LEVEL: 'warn' } });
    ({ client: operator } = await cluster.user('operator'));
  }, 120_000);

  afterAll(() => cluster?.stop());

  it('reads the read model from the cache', async () => {
    const warm = await operator.get('/api/admin/ssot');
    const headers = { authorization: `Bearer ${operator.token ?? ''}` };
    const floor = await startFloor(warm.bytes.length);
    for (const connections of [1, 64]) {
      const lowest = await load(floor.url, { connections, seconds: SECONDS });
      const hit = await load(`${cluster.url()}/api/admin/ssot`, { connections, seconds: SECONDS, headers });
      expect(hit.failed).toBe(0);
      report(`read model, ${warm.bytes.length} bytes, ${connections} at a time`, {
        'requests/s': hit.requestsPerS,
        'of raw http': hit.requestsPerS / lowest.requestsPerS,
        'p50 ms': hit.p50Ms,
        'p99 ms': hit.p99Ms,
      });
    }
    floor.stop();
  }, 120_000);

  it('runs an action through the whole pipeline', async () => {
    const headers = { authorization: `Bearer ${operator.token ?? ''}`, 'content-type': 'application/json' };
    const body = JSON.stringify({ action: 'queue.resume', payload: { queue: 'packager' } });
    for (const connections of [1, 32]) {
      const acts = await load(`${cluster.url()}/api/admin/action`, {
        connections,
        seconds: SECONDS,
        headers,
        body,
      });
      expect(acts.failed).toBe(0);
      report(`queue.resume, ${connections} at a time`, {
        'actions/s': acts.requestsPerS,
        'p50 ms': acts.p50Ms,
        'p99 ms': acts.p99Ms,
      });
    }
  }, 120_000);
});
