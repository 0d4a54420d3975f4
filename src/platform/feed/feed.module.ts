import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module';
import { LiveFeed } from './live-feed';
import { LogFeed } from './log-feed';
import { LiveState } from './live-state';
import { NumberedFeed } from './numbered-feed';

/** What feeds the gateway. */
@Module({
  imports: [RedisModule],
  providers: [LiveFeed, LiveState, LogFeed, NumberedFeed],
  exports: [LiveFeed, LiveState, LogFeed, NumberedFeed],
})
export class FeedModule {}
