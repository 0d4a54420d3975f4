import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { ENV, type Env } from '../settings/env';
import { dataSourceOptions } from './data-source';
import { Db } from './db';

/** The pool of connections to Postgres. */
@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      inject: [ENV],
      useFactory: (env: Env) => ({
        ...dataSourceOptions(env.databaseUrl, env.databasePool),
        retryAttempts: 5,
        retryDelay: 1_000,
        logging: false,
        manualInitialization: env.offline,
      }),
    }),
  ],
  providers: [Db],
  exports: [Db],
})
export class PostgresModule {}
