import { Module } from '@nestjs/common';
import { SessionRetention } from './session-retention.manager';

/** What removes sessions that ended; for manager processes, which serve nobody who signs in. */
@Module({ providers: [SessionRetention] })
export class SessionKeepingModule {}
