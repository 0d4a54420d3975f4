import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplicationContext } from '@nestjs/common';
import { momentSelector } from '../../src/media/agents/moment-selector.agent';
import type { MomentSelectorOutput } from '../../src/media/agents/support/outputs';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { DownloadLinks } from '../../src/platform/storage/download-links';
import { WorkerModule } from '../../src/fleet/workers/worker.module';
import { FlowTest } from './flow-support';

type Answerer = (response: ServerResponse, body: Record<string, unknown>, request: IncomingMessage) => void;

const json =
  (answer: unknown, status = 200): Answerer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));

describe('a step that another system does', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let server: Server;
  let host: string;
  let answer: Answerer;
  const requests: { body: Record<string, unknown>; headers: IncomingMessage['headers'] }[] = [];

  beforeAll(async () => {
    server = createServer((request, response) => {
      const parts: Buffer[] = [];
      request.on('data', (part: Buffer) => parts.push(part));
      request.on('end', () => {
        const body = JSON.parse(Buffer.concat(parts).toString()) as Record<string, unknown>;
        requests.push({ body, headers: request.headers });
        answer(response, body, request);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
    flow = await FlowTest.start();
    api = await flow.api();
    await flow.boot([WorkerModule], { HTTP_AGENT_TOKENS: 'scorer=s3cr3t' });
    await flow.manager();
    await save({
      outbound: {
        hosts: { [host]: { networks: ['127.0.0.0/8'], plain_http: true } },
        max_response_bytes: 2_048,
      },
      pipeline: {
        agents: {
          model: { type: 'http', after: ['inspector'], max_attempts: 2 },
          packager: { after: ['model'] },
        },
      },
      agents: {
        model: { url: `http://${host}/score`, account: 'scorer', timeout_s: 2, parameters: { top: 3 } },
      },
    });
  });

  beforeEach(() => (requests.length = 0));

  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await flow?.close();
  });

  const save = (patch: Parameters<RuntimeSettings['update']>[0]) =>
    api.get(RuntimeSettings, { strict: false }).update(patch, { authorId: null });
  const modelOf = async (jobId: string) => {
    const [step] = await flow.database.query<{
      status: string;
      output: Record<string, unknown> | null;
      skip_reason: string | null;
      failures: number;
      error_code: string | null;
      error_message: string | null;
    }>(
      `SELECT status, output, skip_reason, failures, error_code, error_message FROM steps WHERE job_id = $1 AND agent = 'model'`,
      [jobId],
    );
    return step;
  };

  it('is sent what earlier steps found out, and its answer is the output and a file of the job', async () => {
    flow.scripts.set('inspector', async (run) => {
      const { writeFile } = await import('node:fs/promises');
      await writeFile(`${run.workDir}/facts.json`, '{}');
      const file = await run.publish({
        path: `${run.workDir}/facts.json`,
        name: 'facts.json',
        kind: 'manifest',
        contentType: 'application/json',
      });
      return { status: 'completed', output: { width: 640, file } };
    });
    answer = json({ highlights: [{ start_s: 1, end_s: 4, score: 0.9 }] });
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    flow.scripts.clear();

    expect(requests).toHaveLength(1);
    const [{ body, headers } = { body: {}, headers: {} as IncomingMessage['headers'] }] = requests;
    expect(body).toMatchObject({
      job: { job_id: jobId },
      step: { attempt: 1 },
      parameters: { top: 3 },
      inputs: { inspector: { width: 640 } },
      artifacts: [{ name: 'facts.json', url: expect.stringContaining('/api/downloads/') }],
    });
    const [file] = body['artifacts'] as { artifact_id: string; url: string }[];
    const token = file?.url.split('/').at(-1) ?? '';
    expect(api.get(DownloadLinks, { strict: false }).artifactOf(token)).toBe(file?.artifact_id);
    expect(headers).toMatchObject({ authorization: 'Bearer s3cr3t', 'content-type': 'application/json' });
    expect(await modelOf(jobId)).toMatchObject({
      status: 'completed',
      output: {
        answer: { highlights: [{ start_s: 1, end_s: 4, score: 0.9 }] },
        file: { name: 'answer.json' },
      },
    });
    const files = await flow.database.query(
      `SELECT a.kind FROM artifacts a JOIN steps s ON s.id = a.step_id WHERE a.job_id = $1 AND s.agent = 'model'`,
      [jobId],
    );
    expect(files).toEqual([{ kind: 'data' }]);
    const stored = await flow.database.query(`SELECT 1 FROM steps WHERE settings::text LIKE '%s3cr3t%'`);
    expect(stored).toEqual([]);
  });

  it('proposes moments to the selector after it, which makes clips of them, with their reasons', async () => {
    // The selector itself, on a video of which nothing else is known.
    flow.scripts.set('packager', (run) => {
      const proxy = { width: 320, height: 180, fps: 25, frames: 3_000 };
      const normaliser = { schema_version: 1, engine: 'test', params: {}, proxy, duration_s: 120 };
      const settings = { count: 2 };
      return momentSelector.run({ ...run, settings, inputs: { ...run.inputs, normaliser } });
    });
    const moments = [
      { start_s: 30, end_s: 44, score: 0.9, reason: 'A goal' },
      { start_s: 70.4, end_s: 80, score: 0.8 },
      { start_s: 500, end_s: 501, score: 1, reason: 'Beyond the end' },
    ];
    answer = json({ moments, model: 'goals-3' });
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    expect(await modelOf(jobId)).toMatchObject({ output: { moments: [{}, { reason: null }, {}] } });
    const [selected] = await flow.database.query<{ output: MomentSelectorOutput }>(
      `SELECT output FROM steps WHERE job_id = $1 AND agent = 'packager'`,
      [jobId],
    );
    expect(selected?.output).toMatchObject({
      clips: [
        { start_s: 30, end_s: 44 },
        { start_s: 70.4, end_s: 80 },
      ],
      note: 'Proposed moments that begin after the end of the video: 1.',
    });
    const proposed = selected?.output.clips.flatMap(({ reasons }) => reasons.slice(0, 1));
    expect(proposed).toMatchObject([
      {
        name: 'proposed',
        value: 0.9,
        sentence: expect.stringContaining('the step model, which names 30.0 s to 44.0 s: “A goal”') as string,
      },
      { name: 'proposed', value: 0.8, sentence: expect.stringContaining('70.4 s to 80.0 s.') as string },
    ]);

    // One that is not what was agreed says so, and what: nobody wonders later why it was not heeded.
    answer = json({ moments: [...moments, { start_s: 9, end_s: 5, score: 1 }] });
    const wrong = await flow.createJob(api);
    await flow.reaches(wrong, 'failed');
    expect(await modelOf(wrong)).toMatchObject({
      error_code: 'HTTP_BAD_ANSWER',
      error_message:
        'In the answer of the service moments[3].end_s must be a number of seconds above start_s.',
      failures: 1,
    });
    flow.scripts.clear();
  });

  it('is tried again when the service says that it cannot do it now', async () => {
    let calls = 0;
    answer = (...args) => json({ ok: true }, (calls += 1) === 1 ? 503 : 200)(...args);
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    expect(requests.map(({ body }) => (body['step'] as { attempt: number }).attempt)).toEqual([1, 2]);
    expect(await modelOf(jobId)).toMatchObject({ status: 'completed', failures: 1 });
  });

  it('is skipped when the service says so', async () => {
    // Cut at 200, which is in the middle of a pair.
    answer = json({ skipped: `no_faces${'.'.repeat(191)}\u{1f600}` });
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    expect(await modelOf(jobId)).toMatchObject({
      status: 'skipped',
      skip_reason: `no_faces${'.'.repeat(191)}\ufffd`,
    });
  });

  it.each<[string, Answerer, string]>([
    [
      'a redirect',
      (response) => response.writeHead(307, { location: 'http://10.0.0.1/' }).end(),
      'HTTP_REFUSED',
    ],
    ['a refusal', json({ error: 'no' }, 422), 'HTTP_REFUSED'],
    ['no JSON', (response) => response.end('<html>'), 'HTTP_BAD_ANSWER'],
    ['a list', json([1, 2]), 'HTTP_BAD_ANSWER'],
    ['more than is read', json({ much: 'x'.repeat(4_000) }), 'HTTP_BAD_ANSWER'],
    [
      'what only becomes large when it is unpacked',
      (response) => response.writeHead(200, { 'content-encoding': 'gzip' }).end('x'),
      'HTTP_BAD_ANSWER',
    ],
  ])(
    'fails at once over %s',
    async (_what, given, code) => {
      answer = given;
      const jobId = await flow.createJob(api);
      await flow.reaches(jobId, 'failed');
      expect(await modelOf(jobId)).toMatchObject({ status: 'failed', error_code: code, failures: 1 });
      expect(requests).toHaveLength(1);
    },
    30_000,
  );

  it('is not sent to a host that was taken off the list meanwhile', async () => {
    await save({ outbound: { hosts: null } });
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'failed');
    expect(await modelOf(jobId)).toMatchObject({ error_code: 'HTTP_REFUSED' });
    expect(requests).toEqual([]);
    await save({ outbound: { hosts: { [host]: { plain_http: true } } } });
    const privately = await flow.createJob(api);
    await flow.reaches(privately, 'failed');
    expect(await modelOf(privately)).toMatchObject({ error_code: 'HTTP_REFUSED' });
    expect(requests).toEqual([]);
    await save({ outbound: { hosts: { [host]: { networks: ['127.0.0.0/8'], plain_http: true } } } });
  });

  it('gives up when there is no answer in time, and lets a service rest that fails again and again', async () => {
    answer = () => undefined;
    const slow = await flow.createJob(api);
    await flow.reaches(slow, 'failed', 30_000);
    expect(await modelOf(slow)).toMatchObject({ error_code: 'HTTP_UNAVAILABLE', failures: 2 });
    answer = json({}, 500);
    for (let round = 0; round < 8 && requests.length < 30; round += 1) {
      const before = requests.length;
      await flow.reaches(await flow.createJob(api), 'failed', 30_000);
      if (requests.length === before) break;
    }
    requests.length = 0;
    const resting = await flow.createJob(api);
    await flow.reaches(resting, 'failed', 30_000);
    expect(requests).toEqual([]);
    expect(await modelOf(resting)).toMatchObject({ error_code: 'HTTP_UNAVAILABLE' });
  });
});
