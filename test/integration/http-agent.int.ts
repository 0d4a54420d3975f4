import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { INestApplicationContext } from '@nestjs/common';
import { momentSelector } from '../../src/media/agents/moment-selector.agent';
import type { MomentSelectorOutput } from '../../src/media/agents/support/outputs';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { OutboundHttp } from '../../src/platform/outbound/outbound-http';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { DownloadLinks } from '../../src/platform/storage/download-links';
import { WorkerModule } from '../../src/fleet/workers/worker.module';
import { eventually } from '../support/eventually';
import { FlowTest, OUTBOUND_REST } from './flow-support';

type Answerer = (response: ServerResponse, body: Record<string, unknown>, request: IncomingMessage) => void;

const json =
  (answer: unknown, status = 200): Answerer =>
  (response) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(answer));

describe('a step that another system does', () => {
  let flow: FlowTest;
  let api: INestApplicationContext;
  let worker: INestApplicationContext;
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
    worker = await flow.boot([WorkerModule], { HTTP_AGENT_TOKENS: 'scorer=s3cr3t' });
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
      agents: { model: model() },
    });
  });

  beforeEach(() => (requests.length = 0));

  afterAll(async () => {
    server?.closeAllConnections();
    server?.close();
    await flow?.close();
  });

  const model = () => ({
    url: `http://${host}/score`,
    account: 'scorer',
    timeout_s: 60,
    parameters: { top: 3 },
    wait_s: 3_600,
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
    // Cut after 200 characters, the last of which is a pair.
    answer = json({ skipped: `no_faces${'.'.repeat(191)}\u{1f600} and more` });
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'completed');
    expect(await modelOf(jobId)).toMatchObject({
      status: 'skipped',
      skip_reason: `no_faces${'.'.repeat(191)}\u{1f600}`,
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
  ])('fails at once over %s', async (_what, given, code) => {
    answer = given;
    const jobId = await flow.createJob(api);
    await flow.reaches(jobId, 'failed');
    expect(await modelOf(jobId)).toMatchObject({ status: 'failed', error_code: code, failures: 1 });
    expect(requests).toHaveLength(1);
  });

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

  it('gives up when there is no answer in time', async () => {
    await save({ agents: { model: { ...model(), timeout_s: 1 } } });
    answer = () => undefined;
    const slow = await flow.createJob(api);
    await flow.reaches(slow, 'failed');
    expect(await modelOf(slow)).toMatchObject({ error_code: 'HTTP_UNAVAILABLE', failures: 2 });
    await save({ agents: { model: model() } });
  });

  describe('of a service that is left alone because it keeps failing', () => {
    /** Lets it fail until it is, and for so long: for longer than the steps of a job take to come upon that. */
    const leaveAlone = async (restMs = OUTBOUND_REST) => {
      answer = json({}, 503);
      const outbound = worker.get(OutboundHttp, { strict: false });
      Object.assign(outbound, { restMs });
      outbound['circuits'].clear();
      const signal = new AbortController().signal;
      const call = { url: `http://${host}/score`, body: {}, timeoutMs: 60_000, signal };
      await eventually(async () => {
        const error: unknown = await outbound.postJson(call).catch((reason: unknown) => reason);
        expect(error).toMatchObject({ kind: 'resting' });
      });
      requests.length = 0;
    };
    const eventsOf = (jobId: string) =>
      flow.database.query<{ event: string; message: string }>(
        `SELECT event, message FROM system_events WHERE job_id = $1 AND event LIKE 'step.%' ORDER BY id`,
        [jobId],
      );
    const waits = (jobId: string) =>
      eventually(async () => expect(await modelOf(jobId)).toMatchObject({ error_code: 'HTTP_UNAVAILABLE' }));

    it('waits at the price of no attempt, shows why, and is done when the service answers again', async () => {
      await leaveAlone(6_000);
      const jobId = await flow.createJob(api);
      await waits(jobId);
      expect(await modelOf(jobId)).toMatchObject({
        status: 'queued',
        failures: 0,
        error_message: 'The service of this step: It has failed too often and is not called for a while.',
      });
      answer = json({ ok: true });
      await flow.reaches(jobId, 'completed');
      expect(requests).toHaveLength(1);
      expect(await modelOf(jobId)).toMatchObject({ status: 'completed', failures: 0, error_code: null });
      expect(await eventsOf(jobId)).toEqual([
        {
          event: 'step.put_off',
          message:
            'model waits: The service of this step: It has failed too often and is not called for a while.',
        },
      ]);
    });

    it('waits no longer than it may, then fails for good and says how long it did', async () => {
      await save({ agents: { model: { ...model(), wait_s: 1 } } });
      await leaveAlone();
      const jobId = await flow.createJob(api);
      await waits(jobId);
      await flow.reaches(jobId, 'failed');
      expect(await modelOf(jobId)).toMatchObject({
        status: 'failed',
        failures: 1,
        error_code: 'HTTP_UNAVAILABLE',
        error_message: expect.stringMatching(/for a while\. The step has waited for it for 1 s\.$/) as string,
      });
      await save({ agents: { model: model() } });

      // A retry begins anew: it waits again before it fails.
      await leaveAlone();
      await api.get(JobsService, { strict: false }).retry(jobId, { from: 'failed_step' });
      await flow.reaches(jobId, 'failed');
      const events = (await eventsOf(jobId)).map(({ event }) => event);
      expect(events).toEqual(['step.put_off', 'step.failed', 'step.put_off', 'step.failed']);
      expect(requests).toEqual([]);
    });

    it('fails at once where it may not wait', async () => {
      await save({ agents: { model: { ...model(), wait_s: 0 } } });
      await leaveAlone();
      const jobId = await flow.createJob(api);
      await flow.reaches(jobId, 'failed');
      expect(requests).toEqual([]);
      expect(await modelOf(jobId)).toMatchObject({ failures: 1, error_code: 'HTTP_UNAVAILABLE' });
      await save({ agents: { model: model() } });
    });

    it('is cancelled while it waits', async () => {
      await leaveAlone();
      const jobId = await flow.createJob(api);
      await waits(jobId);
      expect(await api.get(JobsService, { strict: false }).cancel(jobId)).toMatchObject({
        status: 'cancelled',
      });
      expect(requests).toEqual([]);
    });
  });
});
