import { type DynamicModule, Global, Module } from '@nestjs/common';
import { FeedModule } from './feed/feed.module';
import { MessagesModule } from './messages/messages.module';
import { PostgresModule } from './postgres/postgres.module';
import { RedisModule } from './redis/redis.module';
import { SecurityModule } from './security/security.module';
import { ENV, type Env } from './settings/env';
import { SettingsModule } from './settings/settings.module';
import { StorageModule } from './storage/storage.module';
import { LoggingModule } from './telemetry/logging.module';
import { findConstraintsByClass } from './validation/constraint-instances';

const PARTS = [
  LoggingModule,
  PostgresModule,
  RedisModule,
  MessagesModule,
  FeedModule,
  StorageModule,
  SettingsModule,
  SecurityModule,
];

/** What everything else stands on; its exports can be injected everywhere. */
@Global()
@Module({})
export class PlatformModule {
  /** The platform of a process with this environment. */
  static forRoot(env: Env): DynamicModule {
    findConstraintsByClass();
    return {
      module: PlatformModule,
      imports: [EnvModule.forRoot(env), ...PARTS],
      exports: PARTS,
    };
  }
}

/** The environment, for injection. */
@Global()
@Module({})
class EnvModule {
  static forRoot(env: Env): DynamicModule {
    return { module: EnvModule, providers: [{ provide: ENV, useValue: env }], exports: [ENV] };
  }
}
