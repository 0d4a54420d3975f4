import 'reflect-metadata';
import type { DataSourceOptions } from 'typeorm';
import { types } from 'pg';
import { InitialSchema1763700000000 } from './migrations/1763700000000-initial-schema';
import { AuditSeals1764070000000 } from './migrations/1764070000000-audit-seals';
import { TraceParents1764070300000 } from './migrations/1764070300000-trace-parents';
import { SettingsChanges1764080000000 } from './migrations/1764080000000-settings-changes';
import { Operations1764086400000 } from './migrations/1764086400000-operations';
import { ListIndexes1764095000000 } from './migrations/1764095000000-list-indexes';
import { AgentGraph1764100000000 } from './migrations/1764100000000-agent-graph';
import { ClipFiles1764101000000 } from './migrations/1764101000000-clip-files';
import { QueueDrains1764103000000 } from './migrations/1764103000000-queue-drains';
import { UnusedFiles1764104000000 } from './migrations/1764104000000-unused-files';
import { DayIndexes1764105000000 } from './migrations/1764105000000-day-indexes';
import { AuditRetention1764107000000 } from './migrations/1764107000000-audit-retention';
import { Rollups1764108000000 } from './migrations/1764108000000-rollups';
import { SubjectKeys1764109000000 } from './migrations/1764109000000-subject-keys';
import { EventDays1764110000000 } from './migrations/1764110000000-event-days';
import { StatementRollups1764111000000 } from './migrations/1764111000000-statement-rollups';
import { BulkRollups1764112000000 } from './migrations/1764112000000-bulk-rollups';
import { AlikeChanges1764113000000 } from './migrations/1764113000000-alike-changes';
import { EventKeys1764113100000 } from './migrations/1764113100000-event-keys';
import { AuditAge1764114000000 } from './migrations/1764114000000-audit-age';
import { TokenParents1764114100000 } from './migrations/1764114100000-token-parents';
import { StepsPutOff1764114200000 } from './migrations/1764114200000-steps-put-off';
import { SurvivingClient } from './surviving-client';

// Every bigint of the schema (sizes, sequence numbers) stays far below 2^53, and a number is what callers want.
types.setTypeParser(types.builtins.INT8, Number);

/** All migrations, oldest first. A new one is added here. */
export const MIGRATIONS = [
  InitialSchema1763700000000,
  AuditSeals1764070000000,
  TraceParents1764070300000,
  SettingsChanges1764080000000,
  Operations1764086400000,
  ListIndexes1764095000000,
  AgentGraph1764100000000,
  ClipFiles1764101000000,
  QueueDrains1764103000000,
  UnusedFiles1764104000000,
  DayIndexes1764105000000,
  AuditRetention1764107000000,
  Rollups1764108000000,
  SubjectKeys1764109000000,
  EventDays1764110000000,
  StatementRollups1764111000000,
  BulkRollups1764112000000,
  AlikeChanges1764113000000,
  EventKeys1764113100000,
  AuditAge1764114000000,
  TokenParents1764114100000,
  StepsPutOff1764114200000,
];

/** How to connect to Postgres at `url`, with at most `poolSize` connections. */
export function dataSourceOptions(url: string, poolSize = 10): DataSourceOptions {
  return {
    type: 'postgres',
    url,
    migrations: MIGRATIONS,
    migrationsTableName: 'migrations',
    migrationsTransactionMode: 'all',
    extra: {
      Client: SurvivingClient,
      max: poolSize,
      connectionTimeoutMillis: 5_000,
      // A statement that runs longer than this is a fault; what is meant to be long sets its own.
      statement_timeout: 30_000,
      idle_in_transaction_session_timeout: 60_000,
      keepAlive: true,
      // By default it is two hours until the kernel asks whether the other end is still there.
      keepAliveInitialDelayMillis: 10_000,
      application_name: 'agentos',
      // What is asked for often is in memory, and the rest on solid state: by default Postgres counts on a disk whose
      // head has to move, and rather walks along a table than takes the index that fits.
      options: '-c random_page_cost=1.1',
    },
  };
}
