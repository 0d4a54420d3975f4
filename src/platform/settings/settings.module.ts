import { Module } from '@nestjs/common';
import { MessagesModule } from '../messages/messages.module';
import { PostgresModule } from '../postgres/postgres.module';
import { RuntimeSettings } from './runtime-settings';

/** What operators tune while the system runs. */
@Module({
  imports: [PostgresModule, MessagesModule],
  providers: [RuntimeSettings],
  exports: [RuntimeSettings],
})
export class SettingsModule {}
