import { rmSync } from 'node:fs';
import './global-setup';
import { RUN_FOLDER_VARIABLE } from './servers';

/** Stops the servers of the run and removes whatever its tests left in temporary folders. */
export default async function globalTeardown(): Promise<void> {
  const servers = globalThis.agentosTestServers;
  globalThis.agentosTestServers = undefined;
  await Promise.all([servers?.postgres.destroy(), servers?.redis.destroy()]);
  const folder = process.env[RUN_FOLDER_VARIABLE];
  if (folder) rmSync(folder, { recursive: true, force: true });
}
