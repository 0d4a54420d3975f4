import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { type SpanExport, spanExport } from '../src/platform/telemetry/otlp';
import { inSpan, openScope, useTracer } from '../src/platform/telemetry/spans';
import { runInTrace } from '../src/platform/telemetry/trace-scope';
import { report } from './load';

const STAGES = 8;
const RUNS = 5_000;
const ROUNDS = 15;

type Stage = (next: () => Promise<number>) => Promise<number>;
type Enter = (stage: Stage, next: () => Promise<number>) => Promise<number>;

/** As a stage of the pipeline is: waits for the next one, and once for something else. */
const stage: Stage = async (next) => {
  await Promise.resolve();
  return (await next()) + 1;
};

const plain: Enter = (one, next) => one(next);
const spanned: Enter = (one, next) => inSpan('stage', () => one(next));

function chain(enter: Enter, left = STAGES): Promise<number> {
  return left === 0 ? Promise.resolve(0) : enter(stage, () => chain(enter, left - 1));
}

/** Nanoseconds for one run of all stages, within the trace of a request. */
async function timeOf(enter: Enter): Promise<number> {
  const started = process.hrtime.bigint();
  for (let i = 0; i < RUNS; i++) {
    const scope = openScope({ traceId: '4bf92f3577b34da6a3ce929d0e0e4736' }, 'request', {});
    await runInTrace(scope, () => chain(enter));
    scope.span?.end();
  }
  return Number(process.hrtime.bigint() - started) / RUNS;
}

const nowhere: SpanExporter = {
  export: (_spans: ReadableSpan[], done) => done({ code: 0 }),
  shutdown: () => Promise.resolve(),
};

describe('what tracing costs', () => {
  afterAll(() => useTracer(undefined));

  it('a stage of the pipeline: without, with spans that are not exported, with spans that are', async () => {
    const otlp = { url: '', sampler: 'parentbased_always_on', samplerArg: 1, delayMs: 5_000 } as const;
    const spans: SpanExport = spanExport(nowhere, otlp, { role: 'bench', instanceId: 'bench' });
    const times: Record<'without' | 'off' | 'on', number[]> = { without: [], off: [], on: [] };
    // In turns, so that what else the machine does falls on all alike; the first round only warms up.
    for (let round = 0; round <= ROUNDS; round++) {
      const measured = { without: await timeOf(plain), off: await timeOf(spanned), on: 0 };
      useTracer(spans.tracer);
      measured.on = await timeOf(spanned);
      useTracer(undefined);
      if (round > 0) for (const key of ['without', 'off', 'on'] as const) times[key].push(measured[key]);
    }
    const ratio = (key: 'off' | 'on') =>
      median(times[key].map((time, i) => time / (times.without[i] ?? time)));
    const perStage = (key: keyof typeof times) => Math.round(median(times[key]) / STAGES);
    report(`tracing, ${STAGES} stages of a request`, {
      'ns a stage without': perStage('without'),
      'with spans off': perStage('off'),
      exported: perStage('on'),
      'off / without': ratio('off'),
      'exported / without': ratio('on'),
    });
    await spans.shutdown();
  }, 120_000);
});

function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
