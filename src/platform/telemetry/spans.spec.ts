import { SpanKind, SpanStatusCode, type Tracer } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { AppError } from '../errors/app-error';
import type { OtlpEnv } from '../settings/env';
import { type SpanExport, spanExport } from './otlp';
import { continueTrace, currentCarrier, failSpan, inSpan, openScope, recordSpan, useTracer } from './spans';
import { readCarrier } from './trace-context';
import { spanTraceId } from './trace-id';
import { currentTrace, runInTrace, traceFields } from './trace-scope';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const SPAN = '00f067aa0ba902b7';
const otlp: OtlpEnv = { url: '', sampler: 'parentbased_always_on', samplerArg: 1, delayMs: 10 };
const parentOf = (flags = '01') => readCarrier({ traceparent: `00-${TRACE}-${SPAN}-${flags}` })!;

let exported: ReadableSpan[];
let spans: SpanExport;

function record(options: Partial<OtlpEnv> = {}): void {
  exported = [];
  const exporter: SpanExporter = {
    export: (batch, done) => {
      exported.push(...batch);
      done({ code: 0 });
    },
    shutdown: () => Promise.resolve(),
  };
  spans = spanExport(exporter, { ...otlp, ...options }, { role: 'api', instanceId: 'api-1' });
  useTracer(spans.tracer);
}

/** What was exported, by name. */
async function finished(): Promise<Record<string, ReadableSpan>> {
  await spans.shutdown();
  return Object.fromEntries(exported.map((span) => [span.name, span]));
}

afterEach(() => useTracer(undefined));

describe('without export', () => {
  it('does the work, within its trace, and makes no span', async () => {
    const seen = await continueTrace({ traceId: 'order-2026-11' }, 'work', () =>
      inSpan('part', (span) => Promise.resolve({ recording: span.isRecording(), ...traceFields() })),
    );
    expect(seen).toEqual({ recording: false, trace_id: 'order-2026-11' });
    expect(openScope({ traceId: 'order-2026-11' }, 'work', {})).toEqual({ traceId: 'order-2026-11' });
    expect(traceFields()).toEqual({});
  });

  it('hands on the span of the client', () => {
    expect(runInTrace({ traceId: TRACE, parent: parentOf() }, currentCarrier)).toEqual({
      traceparent: `00-${TRACE}-${SPAN}-01`,
    });
    expect(runInTrace({ traceId: TRACE }, currentCarrier)).toBeNull();
    expect(currentCarrier()).toBeNull();
  });

  it('asks no tracer', async () => {
    useTracer({ startSpan: () => expect(true).toBe(false) } as unknown as Tracer);
    useTracer(undefined);
    await continueTrace({ traceId: TRACE }, 'work', () => inSpan('part', () => Promise.resolve()));
    recordSpan({ traceId: TRACE }, 'past', {});
  });
});

describe('with export', () => {
  beforeEach(() => record());

  it('makes spans within spans, also after what is awaited', async () => {
    await continueTrace({ traceId: TRACE, parent: parentOf() }, 'work', async () => {
      await inSpan('first', () => Promise.resolve());
      await new Promise((resolve) => setTimeout(resolve, 1));
      await inSpan('second', () => inSpan('third', () => Promise.resolve()));
    });
    const { work, first, second, third } = await finished();
    expect(work?.parentSpanContext?.spanId).toBe(SPAN);
    for (const child of [first, second])
      expect(child?.parentSpanContext?.spanId).toBe(work?.spanContext().spanId);
    expect(third?.parentSpanContext?.spanId).toBe(second?.spanContext().spanId);
    for (const span of [work, first, third]) expect(span?.spanContext().traceId).toBe(TRACE);
  });

  it('keeps what is done at the same time apart', async () => {
    const names = ['a', 'b', 'c'];
    await Promise.all(
      names.map((name) =>
        continueTrace({ traceId: `trace-of-${name}` }, name, async () => {
          await new Promise((resolve) => setTimeout(resolve, 1));
          await inSpan(`part of ${name}`, () => Promise.resolve());
          expect(currentTrace()?.traceId).toBe(`trace-of-${name}`);
        }),
      ),
    );
    const all = await finished();
    for (const name of names) {
      expect(all[`part of ${name}`]?.parentSpanContext?.spanId).toBe(all[name]?.spanContext().spanId);
      expect(all[name]?.spanContext().traceId).toBe(spanTraceId(`trace-of-${name}`));
      expect(all[name]?.attributes['agentos.trace_id']).toBe(`trace-of-${name}`);
    }
  });

  it('links the span of another trace', async () => {
    const other = '0af7651916cd43dd8448eb211c80319c';
    await continueTrace({ traceId: other, link: parentOf() }, 'work', () =>
      inSpan('part', () => Promise.resolve()),
    );
    const { work, part } = await finished();
    expect(work?.spanContext().traceId).toBe(other);
    expect(work?.parentSpanContext).toBeUndefined();
    expect(work?.links.map((link) => link.context.spanId)).toEqual([SPAN]);
    expect(part?.links).toEqual([]);
  });

  it('makes nothing of its own of what belongs to no span', async () => {
    await inSpan('nobody asked', () => Promise.resolve());
    await runInTrace({ traceId: TRACE }, () => inSpan('a control loop', () => Promise.resolve()));
    expect(await finished()).toEqual({});
  });

  it('records failures by their code, and nothing that was said', async () => {
    const secret = 'mail@example.org';
    const failing = (name: string, error: Error) =>
      continueTrace({ traceId: TRACE }, name, () => Promise.reject(error)).catch(() => undefined);
    await failing('ours', new AppError('INTERNAL_ERROR', secret));
    await failing('theirs', new AppError('FORBIDDEN', secret));
    await failing('postgres', Object.assign(new Error(secret), { code: '23505' }));
    await failing('bug', new TypeError(secret));
    await continueTrace({ traceId: TRACE }, 'told', () => Promise.resolve(failSpan('NOT_MEDIA')));
    const all = await finished();
    const seen = Object.entries(all).map(([name, span]) => [
      name,
      span.status.code,
      span.attributes['error.type'],
    ]);
    expect(seen).toEqual([
      ['ours', SpanStatusCode.ERROR, 'INTERNAL_ERROR'],
      ['theirs', SpanStatusCode.UNSET, 'FORBIDDEN'],
      ['postgres', SpanStatusCode.ERROR, '23505'],
      ['bug', SpanStatusCode.ERROR, 'TypeError'],
      ['told', SpanStatusCode.ERROR, 'NOT_MEDIA'],
    ]);
    const told = Object.values(all).map(({ attributes, events, status }) => ({ attributes, events, status }));
    expect(JSON.stringify(told)).not.toContain(secret);
  });

  it('records what is over', async () => {
    const startTime = new Date(Date.now() - 60_000);
    recordSpan(
      { traceId: TRACE, parent: parentOf() },
      'job',
      { startTime, kind: SpanKind.INTERNAL },
      'DAMAGED',
    );
    const { job } = await finished();
    expect(job?.parentSpanContext?.spanId).toBe(SPAN);
    expect(job?.duration[0]).toBeGreaterThanOrEqual(59);
    expect(job?.attributes['error.type']).toBe('DAMAGED');
  });

  it('hands on the span at work, which the next process goes on from', async () => {
    const carrier = await continueTrace({ traceId: TRACE }, 'work', () => Promise.resolve(currentCarrier()));
    const { work } = await finished();
    expect(carrier).toEqual({ traceparent: `00-${TRACE}-${work?.spanContext().spanId}-01` });
  });

  it('says in log lines which span they are of', async () => {
    const fields = await continueTrace({ traceId: 'order-2026-11' }, 'work', () =>
      Promise.resolve(traceFields()),
    );
    const { work } = await finished();
    expect(fields).toEqual({ trace_id: 'order-2026-11', span_id: work?.spanContext().spanId });
  });

  it('says which process it was', async () => {
    await continueTrace({ traceId: TRACE }, 'work', () => Promise.resolve());
    expect((await finished()).work?.resource.attributes).toMatchObject({
      'service.namespace': 'agentos',
      'service.name': 'agentos-api',
      'service.instance.id': 'api-1',
    });
  });
});

describe('sampling', () => {
  const traced = async (flags?: string) => {
    const context = flags === undefined ? { traceId: TRACE } : { traceId: TRACE, parent: parentOf(flags) };
    const carrier = await continueTrace(context, 'work', () =>
      inSpan('part', () => Promise.resolve(currentCarrier())),
    );
    return { exported: Object.keys(await finished()).length, flags: carrier?.traceparent.slice(-2) };
  };

  it.each([
    ['parentbased_always_on', undefined, 2],
    ['parentbased_always_on', '00', 0],
    ['parentbased_always_off', '01', 2],
    ['parentbased_always_off', undefined, 0],
    ['always_on', '00', 2],
    ['always_off', '01', 0],
  ] as const)('by %s with flags %s', async (sampler, flags, expected) => {
    record({ sampler });
    expect(await traced(flags)).toEqual({ exported: expected, flags: expected > 0 ? '01' : '00' });
  });

  it.each([
    [0, 0],
    [1, 2],
  ])('of a share of %d', async (samplerArg, expected) => {
    record({ sampler: 'parentbased_traceidratio', samplerArg });
    expect((await traced()).exported).toBe(expected);
  });
});
