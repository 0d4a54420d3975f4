import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module';
import { MessageBus } from './message-bus';

/** Messages between processes. */
@Module({ imports: [RedisModule], providers: [MessageBus], exports: [MessageBus] })
export class MessagesModule {}
