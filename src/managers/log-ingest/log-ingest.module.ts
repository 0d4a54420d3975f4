import { Module } from '@nestjs/common';
import { LogDays } from './log-days.manager';
import { LogIngest } from './log-ingest.manager';

/** What makes system events of log lines, and keeps them as long as they are wanted; for manager processes. */
@Module({ providers: [LogIngest, LogDays] })
export class LogIngestModule {}
