import { type DynamicModule, Module } from '@nestjs/common';
import { APP_FILTER, APP_INTERCEPTOR, APP_PIPE } from '@nestjs/core';
import { ConfigCategory } from '../categories/config/config.module';
import { JobsCategory } from '../categories/jobs/jobs.module';
import { LogsCategory } from '../categories/logs/logs.module';
import { QueueCategory } from '../categories/queue/queue.module';
import { SystemCategory } from '../categories/system/system.module';
import { WorkersCategory } from '../categories/workers/workers.module';
import { GatewayModule } from '../gateway/gateway.module';
import { PipelineHttpModule } from '../pipeline/http/pipeline-http.module';
import { EnvelopeInterceptor } from '../platform/http/envelope';
import { ErrorFilter } from '../platform/http/exception.filter';
import { StrictValidationPipe } from '../platform/http/validation';
import { PlatformModule } from '../platform/platform.module';
import type { Env } from '../platform/settings/env';
import { SsotHttpModule } from '../ssot/ssot-http.module';
import { SystemController } from '../user-api/system/system.controller';
import { UserApiModule } from '../user-api/user-api.module';

/** The categories of actions; every process that runs actions has all of them. */
export const CATEGORIES = [
  ConfigCategory,
  JobsCategory,
  LogsCategory,
  QueueCategory,
  SystemCategory,
  WorkersCategory,
];

/** What the api process is made of: HTTP and the gateway. It holds no state. */
@Module({})
export class ApiModule {
  static forRoot(env: Env): DynamicModule {
    return {
      module: ApiModule,
      imports: [
        PlatformModule.forRoot(env),
        PipelineHttpModule,
        ...CATEGORIES,
        UserApiModule,
        SsotHttpModule,
        GatewayModule,
      ],
      controllers: [SystemController],
      providers: [
        { provide: APP_FILTER, useClass: ErrorFilter },
        { provide: APP_INTERCEPTOR, useClass: EnvelopeInterceptor },
        { provide: APP_PIPE, useClass: StrictValidationPipe },
      ],
    };
  }
}
