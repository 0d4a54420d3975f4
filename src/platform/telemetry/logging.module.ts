import { Module } from '@nestjs/common';
import { LoggerModule } from 'nestjs-pino';
import { ENV, type Env } from '../settings/env';

/** JSON log lines on stdout, one per event. Requests are counted in the metrics, not logged line by line. */
@Module({
  imports: [
    LoggerModule.forRootAsync({
      inject: [ENV],
      useFactory: (env: Env) => ({
        pinoHttp: {
          level: env.logLevel,
          autoLogging: false,
          quietReqLogger: true,
          base: { pid: process.pid, instance: env.instanceId },
          redact: ['req.headers.authorization', 'req.headers.cookie', '*.password', '*.token'],
        },
      }),
    }),
  ],
})
export class LoggingModule {}
