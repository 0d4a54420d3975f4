import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module';
import { LiveFeed } from './live-feed';
import { LogFeed } from './log-feed';
import { LiveState } from './live-state';

/** What feeds the gateway. */
@Module({
  imports: [RedisModule],
  providers: [LiveFeed, LiveState, LogFeed],
  exports: [LiveFeed, LiveState, LogFeed],
})
export class FeedModule {}
