import { Module } from '@nestjs/common';
import { AuthModule } from '../user-api/auth/auth.module';
import { FrontPath } from './front-path';
import { ReadModelMetrics } from './read-model-metrics';
import { SsotController } from './ssot.controller';
import { SsotModule } from './ssot.module';
import { SsotService } from './ssot.service';

/** The read model's endpoints; the api process imports it. */
@Module({
  imports: [SsotModule, AuthModule],
  controllers: [SsotController],
  providers: [SsotService, FrontPath, ReadModelMetrics],
  exports: [SsotService, ReadModelMetrics],
})
export class SsotHttpModule {}
