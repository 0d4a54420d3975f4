import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module';
import { LiveFeed } from './live-feed';

/** What feeds the gateway. */
@Module({ imports: [RedisModule], providers: [LiveFeed], exports: [LiveFeed] })
export class FeedModule {}
