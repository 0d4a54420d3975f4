import { setTimeout as delay } from 'node:timers/promises';
import { Logger } from '@nestjs/common';
import type { Env } from '../settings/env';
import type { SpanExport } from './otlp';
import { useTracer } from './spans';

/** How long the stop of a process waits for its last spans to be taken, in milliseconds. */
const FLUSH_MS = 1_500;

/** The export of spans of this process. */
export interface Tracing {
  /** Sends what is left, as far as that is quick. Never throws. */
  stop(): Promise<void>;
}

/**
 * Begins to record and export spans, if an OTLP endpoint is set; else nothing of the SDK is even loaded.
 *
 * @param role `api`, `worker` or `manager`
 */
export async function startTracing(env: Env, role: string): Promise<Tracing> {
  if (!env.otlp) return { stop: () => Promise.resolve() };
  const { otlpExport } = await import('./otlp.js');
  return trace(otlpExport(env.otlp, { role, instanceId: env.instanceId }));
}

/** Records spans from now on, until the stop. */
export function trace(spans: SpanExport): Tracing {
  useTracer(spans.tracer);
  return {
    async stop() {
      useTracer(undefined);
      const over = new AbortController();
      const flushed = spans.shutdown().catch((error: Error) => {
        new Logger('Tracing').warn(`The last spans are lost: ${error.message}`);
      });
      const late = delay(FLUSH_MS, undefined, { signal: over.signal }).catch(() => undefined);
      await Promise.race([flushed, late]);
      over.abort();
    },
  };
}
