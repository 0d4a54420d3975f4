import { Module } from '@nestjs/common';
import { FlowModule } from '../../media/flow/flow.module';
import { PoolRules } from './pool-rules';

/** What holds for pools wherever settings are saved. */
@Module({ imports: [FlowModule], providers: [PoolRules] })
export class PoolsModule {}
