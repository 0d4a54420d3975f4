import { Injectable, Logger } from '@nestjs/common';
import { Counter, Gauge, Registry } from 'prom-client';
import { READ_MODEL_GAUGES, type ReadModelGauge } from './read-model-gauges';
import type { SnapshotDto } from './snapshot.dto';
import { SsotService } from './ssot.service';
import { reasonOf } from '../platform/errors/unavailable';

/** The metrics of the installation as a whole. Every api process shows the same, from the read model. */
@Injectable()
export class ReadModelMetrics {
  private readonly log = new Logger(ReadModelMetrics.name);
  private readonly registry = new Registry();
  private readonly metrics = READ_MODEL_GAUGES.map((gauge) => ({ gauge, metric: this.make(gauge) }));

  constructor(private readonly readModel: SsotService) {}

  /** In the Prometheus text format; without samples while there is no read model. Never throws. */
  async text(): Promise<string> {
    const document = await this.document();
    for (const { gauge, metric } of this.metrics) {
      metric.reset();
      // Without labels it would say 0 where nothing is known.
      if (gauge.labels.length === 0) metric.remove();
      for (const [value, labels] of document ? gauge.samples(document) : [])
        if (value !== null) metric.inc(labels ?? {}, value);
    }
    return this.registry.metrics();
  }

  private make({ name, help, labels, rises }: ReadModelGauge): Gauge | Counter {
    const of = { name, help, labelNames: [...labels], registers: [this.registry] };
    return rises ? new Counter(of) : new Gauge(of);
  }

  private async document(): Promise<SnapshotDto | undefined> {
    try {
      return (await this.readModel.read()).snapshot.document;
    } catch (error) {
      this.log.debug(`Metrics without the read model: ${reasonOf(error)}`);
      return undefined;
    }
  }
}
