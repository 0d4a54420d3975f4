import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { PoolHolds } from './pool-holds';
import { PoolRules } from './pool-rules';

/** What holds for pools wherever settings are saved, and workers are started and stopped. */
@Module({ imports: [FlowModule], providers: [PoolHolds, PoolRules], exports: [PoolHolds] })
export class PoolsModule {}
