import type { INestApplicationContext } from '@nestjs/common';
import type { Env } from '../platform/settings/env';
import { createContext } from './context';
import { ManagerAppModule } from './manager-app.module';

/** A manager process: the control loops that it leads, and the admin operations. */
export function createManager(env: Env): Promise<INestApplicationContext> {
  return createContext(ManagerAppModule.forRoot(env));
}
