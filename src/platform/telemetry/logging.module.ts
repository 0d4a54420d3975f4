import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { RedisModule } from '../redis/redis.module';
import { SecurityModule } from '../security/security.module';
import { SigningKeys } from '../security/signing-keys';
import { ENV, type Env } from '../settings/env';
import { LineScrubber } from './logs/line-scrubber';
import { logDestination } from './logs/log-destination';
import { LogShipper } from './logs/log-shipper';
import { traceFields } from './trace-scope';

/** The way of log lines to Redis. */
@Module({
  imports: [RedisModule, SecurityModule],
  providers: [
    LogShipper,
    {
      provide: LineScrubber,
      inject: [SigningKeys],
      useFactory: (keys: SigningKeys) =>
        new LineScrubber(() => (keys.ready ? keys.secret('pseudonyms') : undefined)),
    },
  ],
  exports: [LogShipper, LineScrubber],
})
class LogShippingModule {}

/**
 * JSON log lines, one per event, each with the trace that it is of: on stdout, and on their way to the system events. Requests are
 * counted in the metrics, not logged line by line.
 */
@Module({
  imports: [
    LoggerModule.forRootAsync({
      imports: [LogShippingModule],
      inject: [ENV, LogShipper, LineScrubber],
      useFactory: (env: Env, shipper: LogShipper, scrubber: LineScrubber) => ({
        // No logger of each request's own, which costs more than its routing: the mixin names the trace.
        forRoutes: [],
        pinoHttp: [
          {
            level: env.logLevel,
            autoLogging: false,
            quietReqLogger: true,
            mixin: traceFields,
            base: { pid: process.pid, source: env.role, instance: env.instanceId },
          },
          logDestination(shipper, scrubber),
        ],
      }),
    }),
  ],
})
export class LoggingModule {}
