import type { INestApplicationContext } from '@nestjs/common';
import type { Env } from '../platform/settings/env';
import { createContext } from './context';
import { WorkerAppModule } from './worker-app.module';

/** A worker process: takes steps from the agents' queues. */
export function createWorker(env: Env): Promise<INestApplicationContext> {
  return createContext(WorkerAppModule.forRoot(env));
}
