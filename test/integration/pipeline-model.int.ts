import * as fc from 'fast-check';
import { v7 as uuidv7 } from 'uuid';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { CircuitStore } from '../../src/pipeline/breaker/circuit-store';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { eventually } from '../support/eventually';
import type { Answer, HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { failedJob } from '../support/pipeline';
import {
  type AuditCounts,
  type ModelJob,
  type ModelRequest,
  MOST_DELETIONS,
  PipelineModel,
} from '../support/pipeline-model';
import { type TestUser, TEST_SETTINGS } from '../support/users';

const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
/** How long sequences are tried, in milliseconds. */
const TIME_MS = 8_000;
const ROLES = ['admin', 'admin', 'operator', 'readonly'] as const;
const JOBS = 2;
const KEYS = 5;
const QUEUE = 'packager';

let installation: TestInstallation;
let people: readonly { user: TestUser; client: HttpClient }[];

beforeAll(async () => {
  const rate_limits = {
    ...TEST_SETTINGS.rate_limits,
    actions: { 'job.delete': { kind: 'sliding', limit: MOST_DELETIONS, window_s: 60 } },
  };
  installation = await startInstallation({ settings: { ...TEST_SETTINGS, rate_limits } });
  people = await Promise.all(ROLES.map((role) => installation.user(role)));
});
afterAll(() => installation?.close());

/** What is read of what an action answers. */
interface ModelData {
  changed?: boolean;
  preview_token?: string;
}

/** Jobs and keys that no other sequence has, at two api processes. */
class World {
  readonly tokens: string[] = [];
  private readonly answers = new Map<string, Buffer>();
  private readonly run = uuidv7();

  private constructor(
    readonly jobs: readonly string[],
    readonly paused: boolean,
    private readonly firstEntry: number,
  ) {}

  /** People are the same in each: signing in is slow on purpose. So their limits are given back to them. */
  static async create(): Promise<World> {
    await writeDenials();
    const limits = await installation.redis.client.keys(`${installation.redis.prefix}:limit:*`);
    if (limits.length > 0) await installation.redis.client.del(limits);
    const jobs: string[] = [];
    while (jobs.length < JOBS) jobs.push(await failedJob(installation.database, people[0]?.user.id ?? ''));
    const [last] = await installation.database.query<{ seq: number }>(
      'SELECT coalesce(max(seq), 0) AS seq FROM audit_entries',
    );
    return new World(jobs, await isPaused(), (last?.seq ?? 0) + 1);
  }

  async send(request: ModelRequest, api: number): Promise<Answer<ModelData>> {
    const { action, job, key, malformed, dryRun, preview } = request;
    const client = people[request.user]?.client;
    if (!client) throw new Error(`There is no user ${request.user}`);
    const payload = action.startsWith('job.') ? { job_id: this.jobs[job] } : { queue: QUEUE };
    const answer = await installation
      .at(client, api)
      .action<ModelData>(action, malformed ? { ...payload, nonsense: 1 } : payload, {
        headers: key === null ? {} : { 'x-idempotency-key': `${this.run}-${key}` },
        options: {
          ...(dryRun ? { dry_run: true } : {}),
          ...(preview === null ? {} : { preview_token: this.tokens[preview] }),
        },
      });
    if (dryRun && answer.status === 200) this.tokens.push(answer.data.preview_token ?? '');
    return answer;
  }

  /** The same bytes each time, for a key of a user. */
  keep({ user, key }: ModelRequest, bytes: Buffer, replayed: boolean): void {
    const name = `${user}/${key}`;
    if (replayed) expect(this.answers.get(name)?.equals(bytes)).toBe(true);
    else this.answers.set(name, bytes);
  }

  async jobsNow(): Promise<ModelJob[]> {
    const rows = await installation.database.query<{ id: string } & NonNullable<ModelJob>>(
      'SELECT id, status, attempt FROM jobs WHERE id = ANY($1)',
      [this.jobs],
    );
    return this.jobs.map((id) => {
      const row = rows.find((one) => one.id === id);
      return row ? { status: row.status, attempt: row.attempt } : null;
    });
  }

  async audit(): Promise<AuditCounts> {
    await writeDenials();
    const rows = await installation.database.query<{ what: string; n: number }>(
      `SELECT concat_ws(' ', phase, kind, outcome) AS what, sum(count)::int AS n FROM audit_entries
        WHERE actor_id = ANY($1) AND seq >= $2 GROUP BY 1`,
      [people.map(({ user }) => user.id), this.firstEntry],
    );
    return Object.fromEntries(rows.map(({ what, n }) => [what, n]));
  }
}

/** What is held back to be counted together is written now. */
async function writeDenials(): Promise<void> {
  for (const api of [0, 1]) await installation.get(AuditLog, api).beforeApplicationShutdown();
}

async function isPaused(): Promise<boolean> {
  const sql = 'SELECT FROM queues WHERE name = $1 AND paused';
  return (await installation.database.query(sql, [QUEUE])).length > 0;
}

type Command = fc.AsyncCommand<PipelineModel, World>;

/** One request at one of the processes: answer, effect and everything else as the model says. */
class Ask implements Command {
  constructor(
    private readonly request: ModelRequest,
    private readonly api: number,
  ) {}

  check({ previews }: Readonly<PipelineModel>): boolean {
    const { preview } = this.request;
    return preview === null || preview < previews.length;
  }

  async run(model: PipelineModel, world: World): Promise<void> {
    const expected = model.ask(this.request);
    const answer = await world.send(this.request, this.api);
    const replayed = answer.headers.has('idempotent-replayed');
    const { status, body } = answer;
    expect({ status, code: body.error_code ?? 'success', replayed, changed: body.data?.changed }).toEqual({
      changed: undefined,
      ...expected,
    });
    // What was refused before the key was claimed leaves no trace of itself with the key.
    if (this.request.key !== null && body.execution_id !== undefined)
      world.keep(this.request, answer.bytes, replayed);
    expect(await world.jobsNow()).toEqual(model.jobs);
    expect(await isPaused()).toBe(model.paused);
  }

  toString(): string {
    const { action, user, job, key, malformed, dryRun, preview } = this.request;
    const marks = [malformed && 'malformed', dryRun && 'dry run', preview !== null && `preview ${preview}`];
    return `${ROLES[user]} ${user} at ${this.api}: ${[action, job, `key ${key}`, ...marks].filter((part) => part !== false).join(' ')}`;
  }
}

/** An operator holds the calls of the queue back, or lets them through again. */
class Hold implements Command {
  constructor(private readonly held: boolean) {}

  check({ held }: Readonly<PipelineModel>): boolean {
    return held !== this.held;
  }

  async run(model: PipelineModel): Promise<void> {
    await hold(this.held);
    model.held = this.held;
  }

  toString(): string {
    return this.held ? 'hold the queue' : 'let the queue go';
  }
}

async function hold(held: boolean): Promise<void> {
  const queue = held ? ('open' as const) : null;
  const authorId = null;
  await installation.get(RuntimeSettings).update({ circuit_breaker: { forced: { queue } } }, { authorId });
  await eventually(
    async () => {
      for (const api of [0, 1])
        expect(installation.get(RuntimeSettings, api).current().circuit_breaker.forced.queue).toBe(queue);
      const [circuit] = await installation.get(CircuitStore).states(['queue']);
      expect(circuit?.forced).toBe(queue);
    },
    { intervalMs: 10 },
  );
}

const ACTIONS = ['job.retry', 'job.cancel', 'queue.pause', 'queue.resume', 'job.delete'] as const;
const rarely = (weight: number) =>
  fc.oneof({ weight, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const asked = fc.record({
  user: fc.constantFrom(0, 0, 1, 2, 2, 3),
  action: fc.constantFrom(...ACTIONS),
  job: fc.nat(JOBS - 1),
  key: fc.option(fc.nat(KEYS - 1)),
  malformed: rarely(9),
  /** A key is mostly used for one and the same thing: else there would be few replays. */
  faithful: rarely(4).map((other) => !other),
  api: fc.nat(1),
});
const keyed = asked.map(({ api, faithful, ...rest }) => {
  const own =
    faithful && rest.key !== null
      ? { action: ACTIONS[rest.key % ACTIONS.length] ?? rest.action, job: rest.key % JOBS }
      : {};
  return new Ask({ ...rest, ...own, dryRun: false, preview: null }, api);
});
const deletion = (preview: number | null) =>
  asked.map(({ api, user, job }) => {
    const plain = { action: 'job.delete' as const, key: null, malformed: false };
    return new Ask({ user, job, ...plain, dryRun: preview === null, preview }, api);
  });
// Each is taken as often as the others.
const commands = [
  ...Array.from({ length: 6 }, () => keyed),
  deletion(null),
  deletion(0),
  deletion(1),
  fc.boolean().map((held) => new Hold(held)),
];

describe(`the pipeline at two processes (SEED=${SEED})`, () => {
  it('answers, does and records what its model says, whatever is asked in whatever order', async () => {
    let sequences = 0;
    await fc.assert(
      fc.asyncProperty(fc.commands(commands, { maxCommands: 40, size: 'max' }), async (sequence) => {
        const world = await World.create();
        const model = new PipelineModel(ROLES, JOBS, world.paused);
        try {
          await fc.asyncModelRun(() => ({ model, real: world }), sequence);
          expect(await world.audit()).toEqual(model.audit);
          sequences += 1;
        } finally {
          if (model.held) await hold(false);
        }
      }),
      { seed: SEED, numRuns: 1_000, interruptAfterTimeLimit: TIME_MS, verbose: 1 },
    );
    expect(sequences).toBeGreaterThan(0);
  });
});
