import { once } from 'node:events';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import Fastify, { type FastifyInstance } from 'fastify';
import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { spanExport } from '../telemetry/otlp';
import { inSpan, useTracer } from '../telemetry/spans';
import { traceFields } from '../telemetry/trace-scope';
import { traceRequests } from './request-trace';

const W3C = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('the trace of a request', () => {
  let fastify: FastifyInstance;
  let base: string;
  let ended: ReadableSpan[];
  let released: () => void;

  beforeEach(async () => {
    ended = [];
    fastify = Fastify();
    traceRequests(fastify);
    fastify.get('/health', () => traceFields());
    fastify.post('/files/:token', async () => {
      await inSpan('work', () => Promise.resolve());
      return traceFields();
    });
    fastify.get('/fails', () => Promise.reject(new Error('no luck')));
    fastify.get('/slow', async () => {
      await new Promise<void>((resolve) => (released = resolve));
      return traceFields();
    });
    base = await fastify.listen({ port: 0, host: '127.0.0.1' });
  });

  afterEach(async () => {
    useTracer(undefined);
    await fastify.close();
  });

  /** Ends the recording; what was recorded, by name. */
  async function recorded(spans: { shutdown(): Promise<void> }): Promise<Record<string, ReadableSpan>> {
    // The answer is with the client a little before the connection is done with it.
    await fastify.close();
    await spans.shutdown();
    return Object.fromEntries(ended.map((span) => [span.name, span]));
  }

  function record() {
    const exporter = {
      export: (batch: ReadableSpan[], done: (result: { code: number }) => void) => {
        ended.push(...batch);
        done({ code: 0 });
      },
      shutdown: () => Promise.resolve(),
    };
    const otlp = { url: '', sampler: 'parentbased_always_on', samplerArg: 1, delayMs: 60_000 } as const;
    const spans = spanExport(exporter, otlp, { role: 'api', instanceId: 'a' });
    useTracer(spans.tracer);
    return spans;
  }

  const post = (path: string, headers: Record<string, string> = {}) =>
    fetch(`${base}${path}`, {
      method: 'POST',
      body: JSON.stringify('x'.repeat(500_000)),
      headers: { 'content-type': 'application/json', ...headers },
    });

  it('is known after the body has been read, and in every answer', async () => {
    const answer = await post('/files/secret', { 'x-trace-id': 'order-2026-11' });
    expect(await answer.json()).toEqual({ trace_id: 'order-2026-11' });
    expect(answer.headers.get('x-trace-id')).toBe('order-2026-11');
    for (const path of ['/nothing/here', '/fails', '/health'])
      expect(
        (await fetch(`${base}${path}`, { headers: { 'x-trace-id': W3C } })).headers.get('x-trace-id'),
      ).toBe(W3C);
  });

  it('is one span with what is done for it, which says nothing that the client wrote', async () => {
    const spans = record();
    await (await post('/files/secret?who=me', { 'x-trace-id': W3C })).text();
    await (await fetch(`${base}/nothing/secret`)).text();
    await (await fetch(`${base}/fails`)).text();
    await (await fetch(`${base}/health`)).text();
    const all = await recorded(spans);
    expect(Object.keys(all).sort()).toEqual(['GET', 'GET /fails', 'POST /files/:token', 'work']);
    const request = all['POST /files/:token'];
    expect(request?.attributes).toEqual({
      'agentos.trace_id': W3C,
      'http.request.method': 'POST',
      'http.route': '/files/:token',
      'http.response.status_code': 200,
      'network.protocol.version': '1.1',
    });
    expect(all['work']?.parentSpanContext?.spanId).toBe(request?.spanContext().spanId);
    expect(all['GET']?.attributes['http.response.status_code']).toBe(404);
    expect(all['GET']?.status.code).toBe(0);
    expect(all['GET /fails']).toMatchObject({ status: { code: 2, message: '500' } });
    expect(JSON.stringify(ended.map((span) => [span.name, span.attributes]))).not.toContain('secret');
  });

  it('ends when the client goes away', async () => {
    const spans = record();
    const socket = connect((fastify.server.address() as AddressInfo).port, '127.0.0.1');
    const arrived = new Promise((resolve) =>
      fastify.server.once('request', (_request, reply) => resolve(reply)),
    );
    socket.write('GET /slow HTTP/1.1\r\nhost: x\r\n\r\n');
    const reply = (await arrived) as NodeJS.EventEmitter;
    const gone = once(reply, 'close');
    socket.destroy();
    await gone;
    released();
    expect((await recorded(spans))['GET /slow']).toMatchObject({
      status: { code: 2 },
      attributes: { 'error.type': 'CLIENT_CLOSED' },
    });
  });
});
