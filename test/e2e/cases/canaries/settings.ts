import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { withinSentences } from '../../../support/canaries/places';
import { word } from '../../../support/canaries/secrets';
import type { Watch } from '../../../support/canaries/watch';
import { eventually } from '../../../support/eventually';
import { shortVideo } from '../../../support/media';
import { createJob, PLAIN_CLIPS, settled, upload } from '../../../support/video-way';

/** What an agent is to be asked with is kept where agents get it from, and shown to those who set it up. */
const OF_AGENTS =
  /^(settings_versions|pipeline_graphs|graph_versions|steps|jobs)$|^answers to GET \/api\/(agents|jobs)/;

/** Settings, what is said of them, and services that are called by them. */
export function settingsWithSecrets(watching: () => Watch): void {
  let watch: Watch;
  let service: Server;
  /** What the service was called with. */
  const calls: string[] = [];
  beforeAll(async () => {
    watch = watching();
    // It repeats what it was sent where errors are made of it.
    service = createServer((request, response) => {
      calls.push(`${request.url} ${request.headers.authorization}`);
      const told = `${request.url} refused: Authorization: ${request.headers.authorization}`;
      const status = calls.length % 2 === 0 ? 500 : 200;
      response.writeHead(status, { 'content-type': 'text/plain' }).end(told);
    });
    await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  });
  afterAll(() => void service?.close());
  const plant = (...args: Parameters<Watch['canaries']['plant']>) => watch.canaries.plant(...args);

  const version = async (): Promise<number> => {
    const [row] = await watch.cluster.query<{ version: number }>(
      'SELECT max(version) AS version FROM settings_versions',
    );
    return row?.version ?? 0;
  };
  const save = async (settings: object, comment: string) =>
    (await watch.admin.action('config.save', { settings, expected_version: await version(), comment }))
      .status;

  it('of what is said of settings', async () => {
    for (const [index, { place, value, secret }] of withinSentences().entries()) {
      plant(`a comment with ${place}`, secret);
      expect(await save({ uploads: { max_open_per_user: 20 + index } }, value)).toBe(200);
    }
  });

  it('of services that are called, and fail', async () => {
    const host = `127.0.0.1:${(service.address() as AddressInfo).port}`;
    const outbound = { hosts: { [host]: { networks: ['127.0.0.0/8'], plain_http: true } } };
    expect(await save({ outbound }, 'a host')).toBe(200);
    const query = plant('a query of a service', word(), OF_AGENTS);
    const parameter = plant('a parameter of a service', word(), OF_AGENTS);
    const settings = {
      url: `http://${host}/score?access_token=${query}`,
      account: 'scorer',
      timeout_s: 2,
      parameters: { api_key: parameter },
    };
    const added = await watch.admin.action('config.add_agent', {
      agent_id: 'model',
      type: 'http',
      settings,
      after: ['inspector'],
      before: ['packager'],
    });
    expect(added.status).toBe(200);
    const uploadId = await upload([watch.user], await shortVideo());
    await eventually(async () => {
      const agents = await watch.admin.get<{ agents: { agent_id: string }[] }>('/api/agents/config');
      expect(agents.data.agents.map(({ agent_id }) => agent_id)).toContain('model');
    });
    const own = plant('a parameter of a job', word(), OF_AGENTS);
    const jobId = await createJob(watch.user, uploadId, {
      settings: { ...PLAIN_CLIPS.settings, model: { parameters: { password: own } } },
    });
    expect((await settled(watch.user, jobId)).status).toBe('failed');
    expect(calls.length).toBeGreaterThan(0);
    expect(calls[0]).toContain(query);
    expect(calls[0]).toContain(watch.accountToken);
  });
}
