import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { Module } from '@nestjs/common';
import { JobsCategory } from '../../../src/categories/jobs/jobs.module';
import { QueueCategory } from '../../../src/categories/queue/queue.module';
import { ExecutionTiming } from '../../../src/pipeline/executions/timing';
import { OperationsModule } from '../../../src/pipeline/operations/operations.module';
import { PlatformModule } from '../../../src/platform/platform.module';
import { loadEnv } from '../../../src/platform/settings/env';
import { CountingCategory } from './counting.category';

/** A process that runs operations, for tests that kill or freeze it. Argument: how long its claims last, in seconds. */
async function main([leaseS]: string[]): Promise<void> {
  @Module({
    imports: [
      PlatformModule.forRoot(loadEnv()),
      OperationsModule,
      CountingCategory,
      JobsCategory,
      QueueCategory,
    ],
  })
  class RunnerProcess {}
  const app = await NestFactory.createApplicationContext(RunnerProcess, { logger: false });
  Object.assign(app.get(ExecutionTiming, { strict: false }), { operationLeaseS: Number(leaseS) });
  process.send?.('ready');
}

void main(process.argv.slice(2));
