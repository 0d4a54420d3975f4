import { Module } from '@nestjs/common';
import { SettingsModule } from '../settings/settings.module';
import { OutboundHttp } from './outbound-http';

/** What calls other systems. */
@Module({ imports: [SettingsModule], providers: [OutboundHttp], exports: [OutboundHttp] })
export class OutboundModule {}
