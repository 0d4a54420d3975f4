import { chmodSync, mkdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { keptSecret, privateFolder, writePrivate } from '../files';
import type { OwnedProcess } from '../ownership/owned-processes';
import { identify } from '../../platform/process/process-identity';
import type { ServiceUser } from '../service-user';
import type { ProcessSpec } from '../supervise/supervised-process';
import type { RedisBinary } from './binaries';

/** The private Redis of an installation: loopback only, with a generated password. */
export class RedisInstance {
  readonly folder: string;
  private readonly password: string;

  constructor(
    private readonly user: ServiceUser,
    secretsFolder: string,
  ) {
    this.folder = redisFolderOf(user);
    this.password = keptSecret(join(secretsFolder, 'redis'));
  }

  /** How to run it on this port. Writes its configuration, which keeps the password off the command line. */
  spec(binary: RedisBinary, port: number): ProcessSpec {
    if (this.user.owner) {
      mkdirSync(this.user.folder, { recursive: true });
      chmodSync(this.user.folder, 0o711);
    }
    privateFolder(this.folder, this.user.owner);
    const configuration = join(this.folder, 'redis.conf');
    writePrivate(configuration, this.configuration(port), this.user.owner);
    return {
      name: 'redis',
      role: 'redis',
      pool: null,
      command: binary.command,
      args: [configuration],
      env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC', ...binary.env },
      cwd: this.folder,
      ...this.user.owner,
      stopSignal: 'SIGTERM',
      stopGraceMs: 10_000,
      readyMs: 30_000,
      ready: () => pingRedis(this.url(port)),
    };
  }

  url(port: number): string {
    return `redis://:${this.password}@127.0.0.1:${port}`;
  }

  private configuration(port: number): string {
    const lines = [
      'bind 127.0.0.1',
      `port ${port}`,
      `requirepass ${this.password}`,
      `dir "${this.folder}"`,
      'daemonize no',
      `pidfile "${join(this.folder, 'redis.pid')}"`,
      'logfile ""',
      // Redis is transport and cache: a snapshot now and then is plenty, and a full disk must not stop it.
      'save 300 1',
      'stop-writes-on-bgsave-error no',
      // Queues live here: what does not fit must fail, not push others out.
      'maxmemory-policy noeviction',
    ];
    return `${lines.join('\n')}\n`;
  }
}

/** Resolves if a Redis answers at this address. */
export async function pingRedis(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: null, connectTimeout: 2_000 });
  let reason: Error | undefined;
  // The awaited command only says that the connection is closed; why, is said here.
  client.on('error', (error: Error) => (reason = error));
  try {
    await client.connect();
    await client.ping();
  } catch (error) {
    throw reason ?? error;
  } finally {
    client.disconnect();
  }
}

/** Where the private Redis keeps its data. */
export function redisFolderOf(user: ServiceUser): string {
  return join(user.folder, 'redis');
}

/** The Redis that runs in this folder: one that was started but not yet recorded when its launcher was killed. */
export function runningIn(folder: string): OwnedProcess | undefined {
  try {
    const identity = identify(Number(readFileSync(join(folder, 'redis.pid'), 'utf8')));
    if (!identity || process.platform !== 'linux' || readlinkSync(`/proc/${identity.pid}/cwd`) !== folder)
      return undefined;
    return { ...identity, name: 'redis', stopSignal: 'SIGTERM' };
  } catch {
    return undefined;
  }
}
