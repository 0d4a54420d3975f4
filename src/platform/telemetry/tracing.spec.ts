import { Logger } from '@nestjs/common';
import { trace as api } from '@opentelemetry/api';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { loadEnv } from '../settings/env';
import { LoggedExporter } from './logged-exporter';
import { startTracing, trace } from './tracing';

const tracer = api.getTracer('test');

beforeEach(() => jest.useFakeTimers());
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

describe('the stop', () => {
  it('waits for the last spans', async () => {
    let flushed = false;
    const shutdown = () =>
      new Promise<void>((resolve) => setTimeout(resolve, 500)).then(() => void (flushed = true));
    const stopped = trace({ tracer, shutdown }).stop();
    await jest.advanceTimersByTimeAsync(500);
    await stopped;
    expect(flushed).toBe(true);
  });

  it('does not wait long for a collector that does not answer', async () => {
    const stopped = trace({ tracer, shutdown: () => new Promise(() => undefined) }).stop();
    await jest.advanceTimersByTimeAsync(2_000);
    await stopped;
  });

  it('does not fail with a collector that is away', async () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    await trace({ tracer, shutdown: () => Promise.reject(new Error('ECONNREFUSED')) }).stop();
    expect(warned).toHaveBeenCalledWith('The last spans are lost: ECONNREFUSED');
  });

  it('has nothing to do where nothing is exported', async () => {
    await (await startTracing(loadEnv({}), 'api')).stop();
  });
});

describe('an export that fails', () => {
  const results: (Error | undefined)[] = [];
  const inner: SpanExporter = {
    export: (_spans, done) => {
      const error = results.shift();
      done(error ? { code: 1, error } : { code: 0 });
    },
    shutdown: () => Promise.resolve(),
  };
  const batch = (size: number) => Array.from({ length: size }, () => ({}) as ReadableSpan);

  it('is told of once a minute, with the number of lost spans, and when it works again', () => {
    const warned = jest.spyOn(Logger.prototype, 'warn').mockReturnValue(undefined);
    const told = jest.spyOn(Logger.prototype, 'log').mockReturnValue(undefined);
    const exporter = new LoggedExporter(inner);
    const done = jest.fn();
    results.push(new Error('down'), new Error('down'), new Error('down'), undefined, undefined);
    exporter.export(batch(3), done);
    exporter.export(batch(4), done);
    jest.advanceTimersByTime(60_000);
    exporter.export(batch(5), done);
    expect(warned.mock.calls.flat()).toEqual([
      '3 spans are lost: they cannot be exported: down',
      '12 spans are lost: they cannot be exported: down',
    ]);
    exporter.export(batch(1), done);
    exporter.export(batch(1), done);
    expect(told.mock.calls.flat()).toEqual(['Spans are exported again; 12 are lost']);
    expect(done).toHaveBeenCalledTimes(5);
  });
});
