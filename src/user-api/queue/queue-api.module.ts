import { Module } from '@nestjs/common';
import { WorkersModule } from '../../fleet/workers/workers.module';
import { FlowModule } from '../../media/flow/flow.module';
import { SsotHttpModule } from '../../ssot/ssot-http.module';
import { OwnSteps } from './own-steps';
import { QueueHeads } from './queue-heads';
import { QueueNumbers } from './queue-numbers';
import { QueueController } from './queue.controller';

/** /api/queue */
@Module({
  imports: [FlowModule, WorkersModule, SsotHttpModule],
  controllers: [QueueController],
  providers: [QueueNumbers, QueueHeads, OwnSteps],
})
export class QueueApiModule {}
