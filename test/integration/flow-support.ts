import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { INestApplicationContext, Type } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { Redis } from 'ioredis';
import { v7 as uuidv7 } from 'uuid';
import { WorkerModule } from '../../src/fleet/workers/worker.module';
import { DRAIN_MS } from '../../src/fleet/workers/worker-runtime';
import { ManagersModule } from '../../src/managers/managers.module';
import type { Agent, AgentId, AgentResult, AgentRun } from '../../src/media/agents/agent';
import { AGENT_REGISTRY } from '../../src/media/flow/agent-registry';
import { FlowModule } from '../../src/media/flow/flow.module';
import { MediaToolset } from '../../src/media/flow/media-toolset';
import type { MediaTools } from '../../src/media/tools/media-tools';
import { JobsService } from '../../src/media/jobs/jobs.service';
import { OUTBOUND_REST_MS } from '../../src/platform/outbound/outbound-http';
import { PlatformModule } from '../../src/platform/platform.module';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { createTestDatabase, type TestDatabase } from '../support/database';
import { testEnv, testVariables } from '../support/env';
import { eventually } from '../support/eventually';
import { redisForTest, type TestRedis } from '../support/redis';
import { makeUser } from '../support/users';

/** How long a service that keeps failing is left alone, in milliseconds. */
export const OUTBOUND_REST = 60_000;
/** How long a worker that stops lets its steps go on, in milliseconds: short, as most that run then would go on for ever. */
const SHORT_DRAIN = 500;

/** What a scripted agent does. */
export type Script = (run: AgentRun) => Promise<AgentResult>;

/** One that is done at once, with a file to show for it. */
export const instant: Script = async (run) => {
  const path = join(run.workDir, 'out.json');
  await writeFile(path, JSON.stringify({ attempt: run.attempt }));
  await run.publish({ path, name: 'out.json', kind: 'manifest', contentType: 'application/json' });
  return { status: 'completed', output: { attempt: run.attempt } };
};

/** One that goes on until it is aborted. */
export const hanging: Script = (run) =>
  new Promise((_resolve, reject) => {
    const stop = () => reject(run.signal.reason as Error);
    if (run.signal.aborted) stop();
    run.signal.addEventListener('abort', stop, { once: true });
  });

/** Scripted agents need no ffmpeg. */
const NO_TOOLS: Pick<MediaToolset, 'get' | 'capabilities' | 'cleanUp'> = {
  get: () => Promise.resolve({} as MediaTools),
  capabilities: () => Promise.resolve({}),
  cleanUp: () => Promise.resolve(),
};

const NEEDS: [AgentId, AgentId[]][] = [
  ['inspector', []],
  ['audio-analyst', ['inspector']],
  ['scene-detector', ['inspector']],
  ['packager', ['audio-analyst', 'scene-detector']],
];

/** An installation with agents that do what the test says: the real flow on real servers. */
export class FlowTest {
  /** What each agent does; instant unless told. */
  readonly scripts = new Map<string, Script>();
  /** Every run of an agent that was begun, in order. */
  readonly runs: { agent: string; jobId: string; attempt: number }[] = [];
  readonly apps: INestApplicationContext[] = [];
  private userId = '';
  private uploadId = '';

  private constructor(
    readonly database: TestDatabase,
    readonly redis: TestRedis,
    readonly home: string,
  ) {}

  static async start(): Promise<FlowTest> {
    const database = await createTestDatabase();
    const redis = redisForTest();
    const installation = {
      databaseUrl: database.url,
      ownerUrl: database.ownerUrl,
      redisUrl: redis.url,
      redisPrefix: redis.prefix,
    };
    const flow = new FlowTest(database, redis, testVariables(installation)['AGENTOS_HOME'] ?? '');
    flow.userId = (await makeUser(database)).id;
    return flow;
  }

  /** A process that makes and steers jobs, and takes none. */
  api(): Promise<INestApplicationContext> {
    return this.boot([FlowModule], {});
  }

  /** A worker; `drainMs`: how long it lets its steps go on when it stops. */
  worker(concurrency = 1, drainMs = SHORT_DRAIN): Promise<INestApplicationContext> {
    return this.boot([WorkerModule], { WORKER_CONCURRENCY: String(concurrency) }, drainMs);
  }

  /** A manager, whose dispatcher leads at once. */
  manager(): Promise<INestApplicationContext> {
    return this.boot([FlowModule, ManagersModule], {});
  }

  /** Starts a process of these modules with the scripted agents. */
  async boot(
    modules: Type[],
    variables: Record<string, string>,
    drainMs = SHORT_DRAIN,
  ): Promise<INestApplicationContext> {
    const env = await testEnv(
      {
        databaseUrl: this.database.url,
        ownerUrl: this.database.ownerUrl,
        redisUrl: this.redis.url,
        redisPrefix: this.redis.prefix,
      },
      { AGENTOS_HOME: this.home, ...variables },
    );
    const module = await Test.createTestingModule({ imports: [PlatformModule.forRoot(env), ...modules] })
      .overrideProvider(AGENT_REGISTRY)
      .useValue(this.agents())
      .overrideProvider(MediaToolset)
      .useValue(NO_TOOLS)
      .overrideProvider(DRAIN_MS)
      .useValue(drainMs)
      .overrideProvider(OUTBOUND_REST_MS)
      .useValue(OUTBOUND_REST)
      .compile();
    await module.init();
    this.apps.push(module);
    return module;
  }

  /** The jobs to come are made of an upload that nobody has read yet. */
  renewSource(): void {
    this.uploadId = '';
  }

  /** Makes a job of a finalized upload. */
  async createJob(api: INestApplicationContext, priority?: number): Promise<string> {
    this.uploadId ||= await this.upload(api);
    const jobs = api.get(JobsService, { strict: false });
    const job = await jobs.create({ userId: this.userId, uploadId: this.uploadId, priority });
    return job.job_id;
  }

  /** The status of a job and of its steps, as Postgres has them. */
  async state(jobId: string): Promise<{ job: string; steps: Record<string, string> }> {
    const [job] = await this.database.query<{ status: string }>('SELECT status FROM jobs WHERE id = $1', [
      jobId,
    ]);
    const steps = await this.steps(jobId);
    return {
      job: job?.status ?? 'none',
      steps: Object.fromEntries(steps.map((step) => [step.agent, step.status])),
    };
  }

  /** The steps of a job. */
  steps(jobId: string): Promise<
    {
      id: string;
      agent: string;
      status: string;
      attempt: number;
      failures: number;
      error_code: string | null;
    }[]
  > {
    return this.database.query('SELECT * FROM steps WHERE job_id = $1 ORDER BY position', [jobId]);
  }

  /** Waits until the job is in one of these statuses. */
  reaches(jobId: string, status: string, timeoutMs = 60_000): Promise<void> {
    return eventually(async () => expect(await this.state(jobId)).toMatchObject({ job: status }), {
      timeoutMs,
    });
  }

  /** Waits until a step is in this status. */
  stepReaches(jobId: string, agent: string, status: string, timeoutMs = 60_000): Promise<void> {
    return eventually(
      async () => expect((await this.state(jobId)).steps).toMatchObject({ [agent]: status }),
      { timeoutMs },
    );
  }

  /** Loses all that this installation keeps in Redis, as FLUSHALL would, sparing the other test files. */
  async flush(): Promise<void> {
    const client = new Redis(this.redis.url);
    for (let cursor = '0'; ;) {
      const [next, keys] = await client.scan(cursor, 'MATCH', `${this.redis.prefix}*`, 'COUNT', 1_000);
      if (keys.length > 0) await client.del(...keys);
      cursor = next;
      if (cursor === '0') break;
    }
    await client.quit();
  }

  async close(): Promise<void> {
    await Promise.all(this.apps.map((app) => app.close()));
    await this.redis.close();
    await this.database.drop();
  }

  private agents(): Agent[] {
    return NEEDS.map(([id, needs]) => ({
      id,
      needs,
      version: '1',
      title: id,
      defaults: {},
      timeoutS: 60,
      maxAttempts: 3,
      weight: 1,
      check: () => undefined,
      run: (run) => {
        this.runs.push({ agent: id, jobId: run.jobId, attempt: run.attempt });
        return (this.scripts.get(id) ?? instant)(run);
      },
    }));
  }

  private async upload(api: INestApplicationContext): Promise<string> {
    const id = uuidv7();
    const key = `uploads/${id}/source`;
    const blobs = api.get<BlobStore>(BlobStore, { strict: false });
    const path = join(await blobs.tempDir(), id);
    await writeFile(path, 'not really a video');
    const { size, sha256 } = await blobs.put(key, path);
    await this.database.query(
      `INSERT INTO uploads (id, user_id, filename, size_bytes, chunk_size, chunk_count, sha256, status, storage_key, expires_at)
       VALUES ($1, $2, 'holiday.mp4', $3, 262144, 1, $4, 'finalized', $5, now() + interval '1 day')`,
      [id, this.userId, size, sha256, key],
    );
    return id;
  }
}
