import { migrate } from '../../src/platform/postgres/migrate';
import { Cluster, type ClusterOptions } from './cluster';
import { ownerConnection } from './database';
import { PostgresServer, RedisServer } from './servers';

/** A cluster on a Postgres and a Redis that a test may break without disturbing the others. */
export interface BreakableCluster {
  cluster: Cluster;
  postgres: PostgresServer;
  redis: RedisServer;
  stop(): Promise<void>;
}

/** The database that the launcher makes. */
export const DATABASE = 'agentos';

/** Starts servers of its own and a cluster on them; `durable`: with a Postgres that waits for the disk. */
export async function startBreakable(
  options: ClusterOptions & { durable?: boolean } = {},
): Promise<BreakableCluster> {
  const [postgres, redis] = await Promise.all([
    PostgresServer.create({ durable: options.durable }),
    RedisServer.create(),
  ]);
  const connection = ownerConnection(postgres.ownerUrl(DATABASE));
  const release = async (): Promise<void> => {
    await connection.close();
    await Promise.all([postgres.destroy(), redis.destroy()]);
  };
  try {
    await migrate(postgres.ownerUrl(DATABASE));
    const cluster = await Cluster.start({
      ...options,
      installation: {
        databaseUrl: postgres.appUrl(DATABASE),
        ownerUrl: postgres.ownerUrl(DATABASE),
        redisUrl: redis.url,
        redisPrefix: 'agentos',
        query: connection.query,
      },
    });
    return { cluster, postgres, redis, stop: () => cluster.stop().finally(release) };
  } catch (error) {
    await release();
    throw error;
  }
}
