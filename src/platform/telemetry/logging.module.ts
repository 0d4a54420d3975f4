import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { RedisModule } from '../redis/redis.module';
import { ENV, type Env } from '../settings/env';
import { logDestination } from './logs/log-destination';
import { LogShipper } from './logs/log-shipper';
import { traceFields } from './trace-scope';

/** The way of log lines to Redis. */
@Module({ imports: [RedisModule], providers: [LogShipper], exports: [LogShipper] })
class LogShippingModule {}

/**
 * JSON log lines, one per event, each with the trace that it is of: on stdout, and on their way to the system events. Requests are
 * counted in the metrics, not logged line by line.
 */
@Module({
  imports: [
    LoggerModule.forRootAsync({
      imports: [LogShippingModule],
      inject: [ENV, LogShipper],
      useFactory: (env: Env, shipper: LogShipper) => ({
        // No logger of each request's own, which costs more than its routing: the mixin names the trace.
        forRoutes: [],
        pinoHttp: [
          {
            level: env.logLevel,
            autoLogging: false,
            quietReqLogger: true,
            mixin: traceFields,
            base: { pid: process.pid, source: env.role, instance: env.instanceId },
            redact: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.token'],
          },
          logDestination(shipper),
        ],
      }),
    }),
  ],
})
export class LoggingModule {}
