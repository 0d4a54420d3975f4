import type { Tracer } from '@opentelemetry/api';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-proto';
import {
  defaultResource,
  detectResources,
  envDetector,
  resourceFromAttributes,
} from '@opentelemetry/resources';
import {
  AlwaysOffSampler,
  AlwaysOnSampler,
  BatchSpanProcessor,
  ParentBasedSampler,
  RandomIdGenerator,
  type Sampler,
  type SpanExporter,
  TraceIdRatioBasedSampler,
  TracerProvider,
} from '@opentelemetry/sdk-trace';
import type { OtlpEnv } from '../settings/env';
import { LoggedExporter } from './logged-exporter';
import { newTraceId, spanTraceId } from './trace-id';
import { currentTrace } from './trace-scope';

/** What spans say of the process that they come from. */
export interface SpanSource {
  /** `api`, `worker` or `manager`. */
  readonly role: string;
  readonly instanceId: string;
}

/** What records spans and sends them away. */
export interface SpanExport {
  readonly tracer: Tracer;
  /** Sends what is left. @throws Error if that fails */
  shutdown(): Promise<void>;
}

/** Spans that wait to be sent; what comes on top of it is dropped. */
const MAX_QUEUE = 4_096;
/** Longest text of an attribute, in characters. */
const MAX_TEXT = 500;

/**
 * The OpenTelemetry SDK, sending in batches by OTLP over HTTP. Only this file loads it, and this file is only
 * loaded where an endpoint is set. Headers, time-out, compression and certificates of the exporter, and
 * `OTEL_SERVICE_NAME` and `OTEL_RESOURCE_ATTRIBUTES`, are read from the environment by the SDK itself.
 */
export function otlpExport(otlp: OtlpEnv, source: SpanSource): SpanExport {
  return spanExport(new OTLPTraceExporter({ url: otlp.url }), otlp, source);
}

/** The same with another way out. */
export function spanExport(
  exporter: SpanExporter,
  otlp: OtlpEnv,
  { role, instanceId }: SpanSource,
): SpanExport {
  const provider = new TracerProvider({
    resource: defaultResource()
      .merge(
        resourceFromAttributes({
          'service.namespace': 'agentos',
          'service.name': `agentos-${role}`,
          'service.instance.id': instanceId,
        }),
      )
      .merge(detectResources({ detectors: [envDetector] })),
    sampler: samplerOf(otlp),
    idGenerator: {
      // The first span of a trace: what people call the trace decides its id.
      generateTraceId: () => spanTraceId(currentTrace()?.traceId ?? newTraceId()),
      generateSpanId: new RandomIdGenerator().generateSpanId,
    },
    spanLimits: { attributeValueLengthLimit: MAX_TEXT },
    spanProcessors: [
      new BatchSpanProcessor({
        exporter: new LoggedExporter(exporter),
        maxQueueSize: MAX_QUEUE,
        scheduledDelayMillis: otlp.delayMs,
      }),
    ],
  });
  return { tracer: provider.getTracer('agentos'), shutdown: () => provider.shutdown() };
}

/** As the OpenTelemetry specification defines OTEL_TRACES_SAMPLER. */
function samplerOf({ sampler, samplerArg }: OtlpEnv): Sampler {
  const roots: Record<string, () => Sampler> = {
    always_on: () => new AlwaysOnSampler(),
    always_off: () => new AlwaysOffSampler(),
    traceidratio: () => new TraceIdRatioBasedSampler(samplerArg),
  };
  const root = roots[sampler.replace('parentbased_', '')]?.() ?? new AlwaysOnSampler();
  return sampler.startsWith('parentbased_') ? new ParentBasedSampler({ root }) : root;
}
