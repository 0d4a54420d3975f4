import { Logger } from '@nestjs/common';
import type { ReadableSpan, SpanExporter } from '@opentelemetry/sdk-trace';
import { withoutTrace } from './trace-scope';

/** How often a failing export is told of, in milliseconds. */
const TELL_EVERY_MS = 60_000;

/** Says in the log when spans get lost, and when they are taken again; requests never notice. */
export class LoggedExporter implements SpanExporter {
  private readonly log = new Logger('Tracing');
  private lost = 0;
  private toldAt = Number.NEGATIVE_INFINITY;

  constructor(private readonly exporter: SpanExporter) {}

  export(spans: ReadableSpan[], done: Parameters<SpanExporter['export']>[1]): void {
    // Batches are sent whenever they are full, in the middle of whatever filled them.
    withoutTrace(() =>
      this.exporter.export(spans, (result) => {
        if (result.error) this.failed(spans.length, result.error);
        else this.succeeded();
        done(result);
      }),
    );
  }

  shutdown(): Promise<void> {
    return this.exporter.shutdown();
  }

  private failed(spans: number, error: Error): void {
    this.lost += spans;
    if (performance.now() - this.toldAt < TELL_EVERY_MS) return;
    this.toldAt = performance.now();
    this.log.warn(`${this.lost} spans are lost: they cannot be exported: ${error.message}`);
  }

  private succeeded(): void {
    if (this.lost > 0) this.log.log(`Spans are exported again; ${this.lost} are lost`);
    this.lost = 0;
    this.toldAt = Number.NEGATIVE_INFINITY;
  }
}
