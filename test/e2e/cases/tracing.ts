import { join } from 'node:path';
import { spanTraceId } from '../../../src/platform/telemetry/trace-id';
import type { Cluster } from '../../support/cluster';
import type { Variables } from '../../support/env';
import { eventually } from '../../support/eventually';
import type { HttpClient } from '../../support/http-client';
import type { CollectedSpan, OtlpCollector } from '../../support/otlp-collector';
import type { ServiceProcess } from '../../support/process';
import { settled, upload } from '../../support/video-way';

const CLIENT_TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const CLIENT_SPAN = '00f067aa0ba902b7';
const TITLE = 'Holiday of Jane Doe';
/** Begins as an MP4 does, so that a tool has to look at it. */
const BROKEN = Buffer.concat([
  Buffer.from('\0\0\0\x18ftypisom\0\0\0\0isommp42', 'latin1'),
  Buffer.alloc(2_000, 7),
]);

/** What processes export their spans to the collector with. */
export const tracedBy = (collector: OtlpCollector): Variables => ({
  OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
  OTEL_BSP_SCHEDULE_DELAY: '50',
  NODE_OPTIONS: `--require ${JSON.stringify(join(__dirname, '../../support/otel-probe.cjs'))}`,
});

/** Traces. In the end the collector is gone, and so is the worker. */
export function tracing(running: () => { cluster: Cluster; collector: OtlpCollector }): void {
  let collector: OtlpCollector;
  let cluster: Cluster;
  let admin: HttpClient;
  let email: string;

  beforeAll(async () => {
    ({ cluster, collector } = running());
    const made = await cluster.user('admin');
    admin = made.client;
    email = made.user.email;
  });

  /** The one span of this name in the trace, once it has come. */
  const spanOf = (traceId: string, name: string): Promise<CollectedSpan> =>
    eventually(
      () => {
        const found = collector.of(traceId).filter((span) => span.name === name);
        expect({
          name,
          among: collector.of(traceId).map((span) => span.name),
          found: found.length,
        }).toMatchObject({
          found: 1,
        });
        return found[0] as CollectedSpan;
      },
      { timeoutMs: 20_000 },
    );

  /** From the span up to the first of its trace, by name. */
  function wayUp(span: CollectedSpan): string[] {
    const parent = collector.of(span.traceId).find((other) => other.spanId === span.parentId);
    return [span.name, ...(parent ? wayUp(parent) : [])];
  }

  it('of a job goes from the client over the api to the worker and its tools', async () => {
    const uploadId = await upload([admin], { name: 'jane.mp4', bytes: BROKEN });
    const created = await admin.post<{ job_id: string }>(
      '/api/jobs/create',
      { upload_id: uploadId, title: TITLE },
      { traceparent: `00-${CLIENT_TRACE}-${CLIENT_SPAN}-01`, tracestate: 'congo=t61rcWkgMzE' },
    );
    expect(created.headers.get('x-trace-id')).toBe(CLIENT_TRACE);
    const job = await settled(admin, created.data.job_id);
    expect(job).toMatchObject({ status: 'failed', trace_id: CLIENT_TRACE });
    const code = job.error?.code;

    const request = await spanOf(CLIENT_TRACE, 'POST /api/jobs/create');
    expect(request).toMatchObject({
      service: 'agentos-api',
      parentId: CLIENT_SPAN,
      traceState: 'congo=t61rcWkgMzE',
      kind: 2,
      status: 0,
      attributes: {
        'http.request.method': 'POST',
        'http.route': '/api/jobs/create',
        'http.response.status_code': 201,
        'agentos.trace_id': CLIENT_TRACE,
      },
    });
    expect(wayUp(await spanOf(CLIENT_TRACE, 'INSERT jobs'))).toEqual([
      'INSERT jobs',
      'transaction',
      'POST /api/jobs/create',
    ]);

    const step = await spanOf(CLIENT_TRACE, 'step inspector');
    expect(step).toMatchObject({
      service: 'agentos-worker',
      parentId: request.spanId,
      traceState: 'congo=t61rcWkgMzE',
      kind: 5,
      status: 2,
      attributes: {
        'agentos.job.id': job.job_id,
        'agentos.step.agent': 'inspector',
        'agentos.step.attempt': 1,
        'error.type': code,
      },
    });
    expect(step.attributes['agentos.step.waited_ms']).toBeGreaterThanOrEqual(0);
    expect(wayUp(await spanOf(CLIENT_TRACE, 'ffprobe')).slice(0, 2)).toEqual(['ffprobe', 'step inspector']);

    const whole = await spanOf(CLIENT_TRACE, 'job');
    expect(whole).toMatchObject({
      parentId: request.spanId,
      status: 2,
      attributes: { 'agentos.job.status': 'failed', 'error.type': code },
    });
    expect(whole.endMs).toBeGreaterThan(whole.startMs);
    await logged(cluster.workers, CLIENT_TRACE, 'Step inspector');
  });

  it('of an operation goes from the api to the manager; log lines and audit carry the id of the client', async () => {
    const visible = 'order-2026-11-25';
    const traceId = spanTraceId(visible);
    // So that it fails, which is logged.
    await cluster.query('REVOKE INSERT ON artifacts FROM agentos_app');
    const answer = await admin.action(
      'job.export',
      { filter: {} },
      {
        options: { wait_ms: 20_000 },
        headers: { 'x-trace-id': visible, 'x-idempotency-key': 'trace-test-1' },
      },
    );
    await cluster.query('GRANT INSERT ON artifacts TO agentos_app');
    expect([answer.status, answer.body.error_code]).toEqual([500, 'INTERNAL_ERROR']);
    expect([answer.body.trace_id, answer.headers.get('x-trace-id')]).toEqual([visible, visible]);

    const request = await spanOf(traceId, 'POST /api/admin/action');
    expect(request).toMatchObject({ parentId: '', attributes: { 'agentos.trace_id': visible } });
    const operation = await spanOf(traceId, 'operation job.export');
    expect(operation).toMatchObject({
      service: 'agentos-manager',
      kind: 5,
      status: 2,
      attributes: { 'agentos.trace_id': visible, 'error.type': 'INTERNAL_ERROR' },
    });
    expect(wayUp(operation)).toEqual([
      'operation job.export',
      'stage dispatch',
      'stage breaker',
      'stage wait',
      'stage claim',
      'stage rate_limit',
      'stage authorise',
      'stage address',
      'stage validate',
      'stage audit',
      'action job.export',
      'POST /api/admin/action',
    ]);
    const failed = await spanOf(traceId, 'INSERT artifacts');
    expect(failed).toMatchObject({
      service: 'agentos-manager',
      status: 2,
      attributes: { 'error.type': '42501' },
    });
    expect(wayUp(failed)).toContain('handler job.export');

    await logged(cluster.managers, visible, 'job.export failed');
    const entries = await cluster.query(
      'SELECT phase, trace_id FROM audit_entries WHERE trace_id = $1 ORDER BY seq',
      [visible],
    );
    expect(entries).toEqual([
      { phase: 'intent', trace_id: visible },
      { phase: 'outcome', trace_id: visible },
    ]);
  });

  it('of an action shows its stages and its handler; a fault of ours is logged with the id', async () => {
    const resumed = await admin.action('queue.resume', { queue: 'packager' });
    // It ends last, so that all below it is there.
    const action = await spanOf(resumed.body.trace_id, 'action queue.resume');
    const handler = await spanOf(resumed.body.trace_id, 'handler queue.resume');
    expect(wayUp(handler).slice(0, 2)).toEqual(['handler queue.resume', 'stage dispatch']);
    expect(action).toMatchObject({
      status: 0,
      attributes: { 'agentos.execution.id': resumed.body.execution_id },
    });

    const refused = await admin.action('no.such.action', { email });
    const unknown = await spanOf(refused.body.trace_id, 'action');
    expect(unknown).toMatchObject({ status: 0, attributes: { 'error.type': refused.body.error_code } });

    await cluster.query('REVOKE SELECT, UPDATE ON queues FROM agentos_app');
    const failed = await admin.action('queue.resume', { queue: 'packager' });
    await cluster.query('GRANT SELECT, UPDATE ON queues TO agentos_app');
    expect(failed.status).toBe(500);
    await logged(cluster.apis, failed.body.trace_id, 'queue.resume: INTERNAL_ERROR');
  });

  it('tells the collector nothing of people and no secrets', () => {
    const sent = Buffer.concat(collector.bodies).toString('latin1');
    expect(sent).toContain('POST /api/jobs/create');
    const secrets = [
      email,
      admin.token ?? '',
      TITLE,
      'jane',
      'trace-test-1',
      '127.0.0.1',
      cluster.folder,
      'INSERT INTO',
    ];
    expect(secrets.filter((secret) => sent.includes(secret))).toEqual([]);
  });

  it('is not even loaded where nothing is exported', async () => {
    const worker = await cluster.startWorker({ OTEL_EXPORTER_OTLP_ENDPOINT: '' });
    await worker.stop();
    expect(await loaded(worker)).toEqual(['@opentelemetry/api']);
  });

  it('costs no answer when the collector is away or hangs, and no process its stop', async () => {
    const act = async () => (await admin.action('queue.resume', { queue: 'packager' })).status;
    collector.hang();
    expect(await Promise.all(Array.from({ length: 10 }, act))).toEqual(Array(10).fill(200));
    const worker = cluster.workers[0] as ServiceProcess;
    await worker.stop();
    expect(await loaded(worker)).toContain('@opentelemetry/sdk-trace');
    await collector.close();
    expect(await Promise.all(Array.from({ length: 10 }, act))).toEqual(Array(10).fill(200));
  });
}

/** Waits for a log line of one of the processes that carries the trace id as a field and begins like this. */
async function logged(processes: ServiceProcess[], traceId: string, text: string): Promise<void> {
  await eventually(() => {
    const lines = processes.flatMap((process) =>
      process
        .tail(400)
        .split('\n')
        .filter((line) => line.startsWith('{')),
    );
    const found = lines
      .map((line) => JSON.parse(line) as { trace_id?: string; msg?: string })
      .filter((line) => line.msg?.startsWith(text));
    expect(found.map((line) => line.trace_id)).toContain(traceId);
  });
}

/** The packages of OpenTelemetry that a process that has ended had loaded. */
async function loaded(process: ServiceProcess): Promise<string[]> {
  return eventually(() => {
    const line = process
      .tail()
      .split('\n')
      .find((one) => one.startsWith('{"opentelemetry"'));
    expect(line).toBeDefined();
    return (JSON.parse(line ?? '') as { opentelemetry: string[] }).opentelemetry;
  });
}
