import './global-setup';

/** Stops the servers of the run. */
export default async function globalTeardown(): Promise<void> {
  const servers = globalThis.agentosTestServers;
  globalThis.agentosTestServers = undefined;
  await Promise.all([servers?.postgres.destroy(), servers?.redis.destroy()]);
}
