import { Module } from '@nestjs/common';
import { RedisService } from './redis.service';

/** The connections to Redis. */
@Module({ providers: [RedisService], exports: [RedisService] })
export class RedisModule {}
