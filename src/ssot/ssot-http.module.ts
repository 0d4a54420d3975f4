import { Module } from '@nestjs/common';
import { AuthModule } from '../user-api/auth/auth.module';
import { FrontPath } from './front-path';
import { SsotController } from './ssot.controller';
import { SsotModule } from './ssot.module';
import { SsotService } from './ssot.service';

/** The read model's endpoints; the api process imports it. */
@Module({
  imports: [SsotModule, AuthModule],
  controllers: [SsotController],
  providers: [SsotService, FrontPath],
  exports: [SsotService],
})
export class SsotHttpModule {}
