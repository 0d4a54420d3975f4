import { Module } from '@nestjs/common';
import { SettingsModule } from '../settings/settings.module';
import { OUTBOUND_REST_MS, OutboundHttp } from './outbound-http';

/** What calls other systems. */
@Module({
  imports: [SettingsModule],
  providers: [OutboundHttp, { provide: OUTBOUND_REST_MS, useValue: 30_000 }],
  exports: [OutboundHttp],
})
export class OutboundModule {}
