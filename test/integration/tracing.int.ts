import type { ReadableSpan } from '@opentelemetry/sdk-trace';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { Db } from '../../src/platform/postgres/db';
import { type SpanExport, spanExport } from '../../src/platform/telemetry/otlp';
import { continueTrace, useTracer } from '../../src/platform/telemetry/spans';
import { runInTrace, traceFields } from '../../src/platform/telemetry/trace-scope';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';

describe('a trace', () => {
  let app: TestApp;

  beforeAll(async () => {
    app = await bootModules([]);
  });

  afterAll(() => app?.close());

  it('goes with a message, and what has none stays without', async () => {
    const bus = app.get(MessageBus);
    const seen: [string, string | undefined][] = [];
    const listens = eventually(() => expect(bus.session).toBeDefined());
    bus.on('operation.abort', async ({ execution_id }) => {
      await new Promise((resolve) => setImmediate(resolve));
      seen.push([execution_id, traceFields().trace_id]);
    });
    await listens;
    await runInTrace({ traceId: 'order-2026-11' }, () =>
      bus.publish('operation.abort', { execution_id: 'a' }),
    );
    await bus.publish('operation.abort', { execution_id: 'b' });
    await eventually(() =>
      expect(seen).toEqual([
        ['a', 'order-2026-11'],
        ['b', undefined],
      ]),
    );
  });

  it('shows statements by verb and table, within their transaction, without what is in them', async () => {
    const ended: ReadableSpan[] = [];
    const spans = inMemory(ended);
    useTracer(spans.tracer);
    const db = app.get(Db);
    try {
      await continueTrace({ traceId: TRACE }, 'work', async () => {
        await db.transaction(async (tx) => {
          await tx.execute('UPDATE users SET updated_at = now() WHERE email = $1', ['jane@example.org']);
          await tx.query(`SELECT 'jane' FROM users`);
        });
        await db.query('SELECT wrong FROM users').catch(() => undefined);
      });
      // Nobody asked for this one.
      await db.query('SELECT 2');
    } finally {
      useTracer(undefined);
    }
    await spans.shutdown();
    const nameOf = new Map(ended.map((span) => [span.spanContext().spanId, span.name]));
    const shown = ended.map((span) => [
      nameOf.get(span.parentSpanContext?.spanId ?? ''),
      span.name,
      span.attributes['error.type'],
    ]);
    expect(shown).toEqual([
      ['transaction', 'UPDATE users', undefined],
      ['transaction', 'SELECT users', undefined],
      ['work', 'transaction', undefined],
      ['work', 'SELECT users', '42703'],
      [undefined, 'work', undefined],
    ]);
    expect(JSON.stringify(ended.map(({ attributes, events }) => [attributes, events]))).not.toContain('jane');
  });
});

function inMemory(ended: ReadableSpan[]): SpanExport {
  return spanExport(
    {
      export: (batch, done) => {
        ended.push(...batch);
        done({ code: 0 });
      },
      shutdown: () => Promise.resolve(),
    },
    { url: '', sampler: 'always_on', samplerArg: 1, delayMs: 60_000 },
    { role: 'test', instanceId: 'test' },
  );
}
