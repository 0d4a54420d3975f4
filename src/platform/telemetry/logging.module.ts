import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { ENV, type Env } from '../settings/env';
import { traceFields } from './trace-scope';

/** JSON log lines on stdout, one per event, each with the trace that it is of. Requests are counted in the metrics, not logged line by line. */
@Module({
  imports: [
    LoggerModule.forRootAsync({
      inject: [ENV],
      useFactory: (env: Env) => ({
        // No logger of each request's own, which costs more than its routing: the mixin names the trace.
        forRoutes: [],
        pinoHttp: {
          level: env.logLevel,
          autoLogging: false,
          quietReqLogger: true,
          mixin: traceFields,
          base: { pid: process.pid, instance: env.instanceId },
          redact: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.token'],
        },
      }),
    }),
  ],
})
export class LoggingModule {}
