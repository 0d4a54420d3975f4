import { Module } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsArray, IsString } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { Action } from '../../src/pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../src/pipeline/catalogue/action-command';
import type { ActionHandler } from '../../src/pipeline/catalogue/action-handler';
import { Category } from '../../src/pipeline/catalogue/category.decorator';
import { StatusReader } from '../../src/pipeline/http/status-reader';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import type { Actor } from '../../src/platform/security/roles';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';
import { makeUser } from '../support/users';

@Action({
  name: 'test.bulk_mark',
  views: ['dashboard'],
  risk: 'standard',
  mode: 'sync',
  roles: [],
  dependsOn: [],
  summary: 'Mark many',
  description: 'Marks many things at once.',
  errors: [],
  example: { ids: ['a'] },
  since: '1.0',
  bulk: true,
  cost: ({ ids }) => Math.max(1, (ids as string[]).length),
})
class BulkMark extends ActionCommand<number> {
  @IsArray() @IsString({ each: true }) ids!: string[];
}

@CommandHandler(BulkMark)
class BulkMarkHandler implements ActionHandler<BulkMark> {
  execute = ({ ids }: BulkMark): Promise<number> => Promise.resolve(ids.length);
}

@Category('system')
@Module({ imports: [PipelineModule], providers: [BulkMarkHandler, StatusReader] })
class TestCategory {}

let app: TestApp;

beforeAll(async () => {
  app = await bootModules([TestCategory]);
  const rate_limits = { bulk_items_per_minute: 1_000, risk_standard_per_minute: 5 };
  await app.get(RuntimeSettings).update({ rate_limits }, { authorId: null });
});
afterAll(() => app?.close());

async function newActor(): Promise<Actor> {
  const user = await makeUser(app.database, 'admin');
  return { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
}

async function run(actor: Actor, items: number, key = uuidv7()) {
  const ids = Array.from({ length: items }, (_, i) => String(i));
  const answer = await app.get(ActionRunner).run(
    'test.bulk_mark',
    { ids },
    {
      actor,
      origin: { traceId: uuidv7(), ip: '127.0.0.1', userAgent: 'test' },
      rawHeaders: ['X-Idempotency-Key', key],
      bodyErrors: [],
      scope: 'any',
      startedAt: performance.now(),
    },
  );
  const body = JSON.parse(answer.body.toString()) as {
    error?: string;
    error_code?: string;
    details?: unknown;
  };
  return { ...body, status: answer.status, headers: answer.headers };
}

describe('the outcome of an action', () => {
  // First of all: a connection plans a statement for good when it has run it a few times.
  it('is recorded without looking through all executions, though they were few when that was planned', async () => {
    await app.database.query(
      `INSERT INTO executions (id, action, kind, actor_id, status, fingerprint, payload, lease_until, trace_id)
       SELECT gen_random_uuid(), 'test.bulk_mark', 'act', $1, 'succeeded', '', '{}', now(), 'test'
         FROM generate_series(1, 300)`,
      [(await newActor()).userId],
    );
    const scans = async () => {
      const rows = await app.database.query<{ name: string; scans: number }>(
        `SELECT indexrelname AS name, idx_scan AS scans FROM pg_stat_user_indexes WHERE relname = 'executions'
         UNION ALL SELECT 'whole', seq_scan FROM pg_stat_user_tables WHERE relname = 'executions'`,
      );
      return Object.fromEntries(rows.map((row) => [row.name, row.scans]));
    };
    for (let i = 0; i < 3; i++) {
      const actor = await newActor();
      for (let j = 0; j < 5; j++) expect((await run(actor, 1)).status).toBe(200);
    }
    // Postgres counts a moment after the fact, all that a connection did at once.
    const counted = await eventually(async () => {
      const now = await scans();
      expect(now).toMatchObject({ executions_key: 15 });
      return now;
    });
    expect(counted['whole']).toBe(0);
  });
});

describe('a bulk action', () => {
  it('is charged for what it touches, and once for itself', async () => {
    const actor = await newActor();
    const first = await run(actor, 600);
    expect(first.status).toBe(200);
    expect(first.headers['RateLimit-Policy']).toContain('"items";q=1000;w=60');
    expect(first.headers['RateLimit']).toMatch(/"actions";r=49;.*"test.bulk_mark";r=4;.*"items";r=400;/);
    const second = await run(actor, 401);
    expect([second.status, second.error_code]).toEqual([429, 'RATE_LIMITED']);
    expect(second.error).toContain('"items" (1000 in 60 s)');
    expect(Number(second.headers['Retry-After'])).toBeGreaterThan(50);
    // What is refused costs nothing.
    expect((await run(actor, 400)).headers['RateLimit']).toMatch(/"test.bulk_mark";r=3;.*"items";r=0;/);
    expect((await run(await newActor(), 1_000)).status).toBe(200);
  });

  it('over more than ever is let through is not told to wait', async () => {
    const refused = await run(await newActor(), 1_001);
    expect([refused.status, refused.error_code, refused.headers['Retry-After']]).toEqual([
      400,
      'VALIDATION_ERROR',
      undefined,
    ]);
    expect(refused.details).toEqual([
      { path: 'payload', message: expect.stringContaining('1001 items') as unknown },
    ]);
  });

  it('that is replayed is charged again, like any request', async () => {
    const [actor, key] = [await newActor(), uuidv7()];
    await run(actor, 300, key);
    const replay = await run(actor, 300, key);
    expect(replay.headers['Idempotent-Replayed']).toBe('true');
    expect(replay.headers['RateLimit']).toContain('"items";r=400;');
  });

  it('shows in the status what is left of its items', async () => {
    const actor = await newActor();
    await run(actor, 250);
    const { pipeline } = await app.get(StatusReader).overview(actor);
    expect(pipeline?.limits).toContainEqual(
      expect.objectContaining({
        policy: 'items',
        kind: 'sliding',
        limit: 1_000,
        window_s: 60,
        remaining: 750,
      }),
    );
    // To look costs nothing.
    expect((await run(actor, 750)).status).toBe(200);
  });
});
