import { Module } from '@nestjs/common';
import { RedisModule } from '../redis/redis.module';
import { AuditKeys } from './audit-keys';
import { GatewayTickets } from './gateway-tickets';
import { SigningKeys } from './signing-keys';

/** Keys and tickets. */
@Module({
  imports: [RedisModule],
  providers: [SigningKeys, AuditKeys, GatewayTickets],
  exports: [SigningKeys, AuditKeys, GatewayTickets],
})
export class SecurityModule {}
