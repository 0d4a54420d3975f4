import { Module } from '@nestjs/common';
import { MetricsRollup } from './metrics-rollup.manager';
import { RollupCounting } from './rollup-counting';

/** What makes the roll-ups; for manager processes. */
@Module({ providers: [RollupCounting, MetricsRollup], exports: [RollupCounting] })
export class MetricsRollupModule {}
