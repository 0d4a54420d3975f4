import { Redis } from 'ioredis';
import { testPort } from '../../support/ports';
import type { Variables } from '../../support/env';
import { type BreakableCluster, DATABASE, startBreakable } from '../../support/private-servers';
import type { HttpClient } from '../../support/http-client';
import type { ServiceProcess } from '../../support/process';
import { TEST_SETTINGS, type TestUser } from '../../support/users';
import { PARKED_AGENTS } from '../workload/parked-queues';
import { patiently, type Query } from './patiently';
import { type Crash, Supervised } from './supervised';

/** What an arena consists of. */
export interface ArenaOptions {
  apis: number;
  managers: number;
  workers: number;
  /** How long a silent process keeps its actions, in seconds: short, so that it is outlived often. */
  leaseS: number;
}

/** A person at every api process. */
export interface Person {
  user: TestUser;
  apis: HttpClient[];
}

/** An installation of its own, whose servers and processes the nemesis may break: what is killed comes back. */
export class Arena {
  /** Processes that ended although nobody had ended them. */
  readonly crashes: Crash[] = [];
  readonly apis: Supervised[] = [];
  readonly managers: Supervised[] = [];
  readonly workers: Supervised[] = [];
  /** Addresses of the gateways of the apis, which they keep when they are started again. */
  readonly gateways: string[] = [];
  private readonly ports: number[] = [];

  private readonly onCrash = (crash: Crash): void => void this.crashes.push(crash);

  private constructor(
    private readonly broken: BreakableCluster,
    /** In seconds. */
    readonly leaseS: number,
  ) {}

  /** Starts Postgres, Redis and the processes. */
  static async start(options: ArenaOptions): Promise<Arena> {
    const broken = await startBreakable({
      apis: 0,
      managers: 0,
      workers: 0,
      variables: { LOG_LEVEL: 'warn' },
    });
    const arena = new Arena(broken, options.leaseS);
    try {
      await arena.bringUp(options);
    } catch (error) {
      await arena.stop().catch(() => undefined); // the first error is the one that tells
      throw error;
    }
    return arena;
  }

  get postgres(): BreakableCluster['postgres'] {
    return this.broken.postgres;
  }

  get redis(): BreakableCluster['redis'] {
    return this.broken.redis;
  }

  /** The environment that its processes share. */
  get environment(): Readonly<Variables> {
    return this.broken.cluster.environment;
  }

  /** For connections as the owner of the database. */
  get ownerUrl(): string {
    return this.postgres.ownerUrl(DATABASE);
  }

  /** SQL as the owner of the database, whom no lost connection stops. */
  readonly query: Query = <T>(sql: string, params?: unknown[]) =>
    patiently(() => this.broken.cluster.query<T>(sql, params));

  /** Runs commands on Redis, on a connection of their own. */
  async redisCommand<T>(work: (redis: Redis) => Promise<T>): Promise<T> {
    const redis = new Redis(this.redis.url, { maxRetriesPerRequest: null });
    redis.on('error', () => undefined); // it connects again, or the command fails
    try {
      return await work(redis);
    } finally {
      redis.disconnect();
    }
  }

  /** A new user, signed in. */
  async person(role: TestUser['role']): Promise<Person> {
    const { user, client } = await this.broken.cluster.user(role);
    return { user, apis: this.ports.map((port) => client.at(`http://127.0.0.1:${port}`)) };
  }

  /** Resolves when every process runs. */
  async ready(): Promise<void> {
    for (const place of this.places) {
      place.thaw();
      await place.ready();
    }
  }

  /** Starts further processes. */
  async grow({ managers, workers }: Pick<ArenaOptions, 'managers' | 'workers'>): Promise<void> {
    const { cluster } = this.broken;
    const added = [
      ...this.add('manager', this.managers, managers, () => cluster.startManager()),
      ...this.add('worker', this.workers, workers, () => cluster.startWorker()),
    ];
    await Promise.all(added.map((place) => place.start()));
  }

  /** All processes, up or not. */
  get places(): Supervised[] {
    return [...this.apis, ...this.managers, ...this.workers];
  }

  /** The last lines of all processes that ever ran. */
  logs(): string {
    return this.broken.cluster.logs();
  }

  /** Ends everything. @throws if a process does not end in order */
  async stop(): Promise<void> {
    await Promise.all(this.places.map((place) => place.release()));
    await this.broken.stop();
  }

  private add(
    role: string,
    places: Supervised[],
    count: number,
    launch: () => Promise<ServiceProcess>,
  ): Supervised[] {
    const added = Array.from(
      { length: count },
      (_, i) => new Supervised(`${role} ${places.length + i + 1}`, launch, this.onCrash),
    );
    places.push(...added);
    return added;
  }

  private async bringUp({ apis, managers, workers, leaseS }: ArenaOptions): Promise<void> {
    const { cluster } = this.broken;
    await cluster.query(
      `INSERT INTO settings_versions (version, settings, comment)
       SELECT coalesce(max(version), 0) + 1, $1, 'for the nemesis' FROM settings_versions`,
      [
        JSON.stringify({
          ...TEST_SETTINGS,
          auth: { access_token_s: 3_600 },
          executions: { lease_s: leaseS, operation_lease_s: leaseS },
          pipeline: PARKED_AGENTS,
        }),
      ],
    );
    for (let i = 0; i < apis; i++) {
      const port = await testPort();
      this.ports.push(port);
      const gateway = String(await testPort());
      this.gateways.push(`ws://127.0.0.1:${gateway}`);
      const launch = () => cluster.startApi(port, { WS_PORT: gateway });
      this.apis.push(new Supervised(`api ${i + 1}`, launch, this.onCrash));
      // The first one makes the keys that the others find.
      if (i === 0) await this.apis[0]?.start();
    }
    await Promise.all([
      ...this.apis.slice(1).map((place) => place.start()),
      this.grow({ managers, workers }),
    ]);
  }
}
