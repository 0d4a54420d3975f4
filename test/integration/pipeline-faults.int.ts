import { Inject, Logger, Module } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsIn, IsInt, IsString } from 'class-validator';
import { v7 as uuidv7 } from 'uuid';
import { Action, type ActionDeclaration } from '../../src/pipeline/catalogue/action.decorator';
import { ActionCommand, type ActionContext } from '../../src/pipeline/catalogue/action-command';
import type { PreviewingHandler } from '../../src/pipeline/catalogue/action-handler';
import { Category } from '../../src/pipeline/catalogue/category.decorator';
import { MayBeAbsent, Recorded } from '../../src/pipeline/catalogue/fields';
import { ExecutionTiming } from '../../src/pipeline/executions/timing';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { PipelineModule } from '../../src/pipeline/pipeline.module';
import type { Preview } from '../../src/pipeline/preview/preview';
import { PreviewTokens } from '../../src/pipeline/preview/preview-tokens';
import type { Actor } from '../../src/platform/security/roles';
import { AppError } from '../../src/platform/errors/app-error';
import { Db } from '../../src/platform/postgres/db';
import { bootModules, type TestApp } from '../support/app';
import { eventually } from '../support/eventually';
import { Gate } from '../support/gate';
import { auditOf } from '../support/pipeline';
import { makeUser, saveSettings } from '../support/users';

type Behaviour = (context: ActionContext) => Promise<void>;

/** What the next run of the action does after its effect; the test sets it. */
let behaviour: Behaviour = () => Promise.resolve();

const MARKING: ActionDeclaration = {
  name: 'test.mark',
  views: ['dashboard'],
  risk: 'standard',
  mode: 'sync',
  roles: [],
  dependsOn: ['postgres'],
  summary: 'Mark something',
  description: 'Adds a mark, in a transaction or without one, and then does what the test wants.',
  errors: [],
  example: { mark: 'x' },
  since: '1.0',
};

@Action(MARKING)
class Mark extends ActionCommand<{ mark: string }> {
  @Recorded() @IsString() mark!: string;
  @MayBeAbsent() @IsIn(['tx', 'plain']) way = 'tx';
  @MayBeAbsent() @IsString() password?: string;
  @MayBeAbsent() @IsInt() filler = 0;
}

@CommandHandler(Mark)
class MarkHandler implements PreviewingHandler<Mark> {
  constructor(@Inject(Db) private readonly db: Db) {}

  preview({ mark }: Mark): Promise<Preview> {
    return Promise.resolve({ selection: [{ id: mark, state: 'absent' }], effects: [], warnings: [] });
  }

  async execute({ mark, way, filler, context }: Mark): Promise<{ mark: string; filler?: string }> {
    const sql = 'INSERT INTO marks (mark) VALUES ($1)';
    if (way === 'plain') {
      await this.db.execute(sql, [mark]);
      await behaviour(context);
      return { mark, filler: 'x'.repeat(filler) };
    }
    return context.transaction(async (tx) => {
      await tx.execute(sql, [mark]);
      await behaviour(context);
      return { mark };
    });
  }
}

/** The same, but its failures open no circuit. */
@Action({ ...MARKING, name: 'test.mark_alone', dependsOn: [] })
class MarkAlone extends Mark {}

@CommandHandler(MarkAlone)
class MarkAloneHandler extends MarkHandler {}

/** The same, but its failures open the circuit of something else. */
@Action({ ...MARKING, name: 'test.mark_elsewhere', dependsOn: ['storage'] })
class MarkElsewhere extends Mark {}

@CommandHandler(MarkElsewhere)
class MarkElsewhereHandler extends MarkHandler {}

@Category('system')
@Module({ imports: [PipelineModule], providers: [MarkHandler, MarkAloneHandler, MarkElsewhereHandler] })
class TestCategory {}

let app: TestApp;
let actor: Actor;

/** How long a claim lasts that is renewed in a test, in seconds: longer than a busy machine may stand still. */
const LEASE_S = 6;
/** Before the first run: that is when the time limit is read. */
const CALL_TIMEOUT_MS = 3_000;

beforeAll(async () => {
  app = await bootModules([TestCategory]);
  // The errors of these tests are meant.
  Logger.overrideLogger(false);
  Object.assign(app.get(ExecutionTiming), { callTimeoutMs: CALL_TIMEOUT_MS });
  const user = await makeUser(app.database, 'admin');
  actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
  await app.database.query('CREATE TABLE marks (mark text)');
  await app.database.query('GRANT ALL ON marks TO PUBLIC');
  await saveSettings(app.database);
});
afterAll(() => app?.close());
beforeEach(() => {
  behaviour = () => Promise.resolve();
  Object.assign(app.get(ExecutionTiming), { leaseS: 30 });
});

interface Result {
  status: number;
  code?: string;
  replayed: boolean;
  traceId: string;
  text: string;
}

async function run(
  payload: object,
  key: string = uuidv7(),
  action = 'test.mark',
  options: object = {},
): Promise<Result> {
  const traceId = uuidv7();
  const answer = await app.get(ActionRunner).run(action, payload, {
    actor,
    origin: { traceId, ip: '127.0.0.1', userAgent: 'test' },
    rawHeaders: ['X-Idempotency-Key', key],
    options,
    bodyErrors: [],
    scope: 'any',
    startedAt: performance.now(),
  });
  const text = answer.body.toString('utf8');
  const { error_code } = JSON.parse(text) as { error_code?: string };
  return {
    status: answer.status,
    code: error_code,
    replayed: 'Idempotent-Replayed' in answer.headers,
    traceId,
    text,
  };
}

const marks = async (mark: string): Promise<number> =>
  (await app.database.query<{ n: number }>('SELECT count(*) AS n FROM marks WHERE mark = $1', [mark]))[0]
    ?.n ?? -1;
const outcomes = async (traceId: string, count = 2) =>
  (await auditOf(app.database, traceId, count)).map((entry) => entry.outcome);

/** Resolves when the claim of a key has been renewed from now on. */
async function renewed(key: string): Promise<void> {
  const leaseUntil = async () => {
    const sql = 'SELECT lease_until FROM executions WHERE idempotency_key = $1';
    return (await app.database.query<{ lease_until: Date }>(sql, [key]))[0]?.lease_until.getTime() ?? 0;
  };
  const before = await leaseUntil();
  await eventually(async () => expect(await leaseUntil()).toBeGreaterThan(before));
}

describe('a handler that throws', () => {
  it('leaves nothing behind, and says nothing about itself', async () => {
    behaviour = () => Promise.reject(new Error('SELECT secret FROM /etc/agentos at db-7.internal'));
    const key = uuidv7();
    const answer = await run({ mark: 'thrown' }, key);
    expect([answer.status, answer.code]).toEqual([500, 'INTERNAL_ERROR']);
    expect(answer.text).not.toMatch(/SELECT|etc|internal\b/);
    expect(await marks('thrown')).toBe(0);
    expect(await outcomes(answer.traceId)).toEqual(['pending', 'failed']);
    behaviour = () => Promise.resolve();
    expect(await run({ mark: 'thrown' }, key)).toMatchObject({ status: 500, replayed: true });
  });
});

describe('a handler that takes its time', () => {
  it('keeps its claim for longer than the lease', async () => {
    Object.assign(app.get(ExecutionTiming), { leaseS: LEASE_S });
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    behaviour = () => finished;
    const key = uuidv7();
    const first = run({ mark: 'slow', way: 'plain' }, key);
    await eventually(async () => expect(await marks('slow')).toBe(1));
    await renewed(key);
    expect(await run({ mark: 'slow', way: 'plain' }, key)).toMatchObject({
      status: 409,
      code: 'IDEMPOTENCY_IN_PROGRESS',
    });
    finish();
    expect((await first).status).toBe(200);
    expect(await marks('slow')).toBe(1);
  });

  it('is told to the caller in time, keeps its claim, and what it came to is put on record after all', async () => {
    Object.assign(app.get(ExecutionTiming), { leaseS: LEASE_S });
    let finish: () => void = () => undefined;
    const finished = new Promise<void>((resolve) => (finish = resolve));
    behaviour = () => finished;
    const key = uuidv7();
    const answer = run({ mark: 'late', way: 'plain' }, key);
    await eventually(async () => expect(await marks('late')).toBe(1));
    expect(await answer).toMatchObject({ status: 504, code: 'TIMEOUT' });
    await renewed(key);
    expect(await run({ mark: 'late', way: 'plain' }, key)).toMatchObject({ status: 409 });
    finish();
    const replay = await eventually(async () => {
      const again = await run({ mark: 'late', way: 'plain' }, key);
      expect(again.status).toBe(200);
      return again;
    });
    expect(replay.replayed).toBe(true);
    expect(await marks('late')).toBe(1);
  });
});

describe('a handler whose time is up before it has begun', () => {
  it('does not begin any more: who tries again is not to find two at work', async () => {
    const name = 'test.mark_elsewhere';
    const shown = await run({ mark: 'shown', way: 'plain' }, uuidv7(), name, { dry_run: true });
    const { data } = JSON.parse(shown.text) as { data: { preview_token: string } };
    const previews = app.get(PreviewTokens);
    const selection = previews.selection.bind(previews);
    const gate = new Gate();
    // As if Postgres had hung.
    jest.spyOn(previews, 'selection').mockImplementationOnce(async (id) => {
      await gate.opened;
      return selection(id);
    });
    const key = uuidv7();
    const options = { preview_token: data.preview_token };
    const act = () => run({ mark: 'shown', way: 'plain' }, key, name, options);
    const first = await act().finally(() => gate.open());
    expect(first).toMatchObject({ status: 504, code: 'TIMEOUT' });
    expect(await outcomes(first.traceId)).toEqual(['pending', 'unknown']);
    const again = await eventually(async () => {
      const answer = await act();
      expect(answer.status).toBe(200);
      return answer;
    });
    expect(again.replayed).toBe(false);
    expect(await marks('shown')).toBe(1);
  });
});

describe('an effect that is not in one transaction with its record', () => {
  /** Makes Postgres take no outcome, as if it were away whenever one is written. */
  const refuseOutcomes = () =>
    app.database.query(
      `CREATE FUNCTION refuse_outcome() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN RAISE EXCEPTION 'away' USING ERRCODE = '57P01'; END $$;
       CREATE TRIGGER refuse_outcome BEFORE INSERT ON audit_entries FOR EACH ROW
         WHEN (NEW.phase = 'outcome') EXECUTE FUNCTION refuse_outcome()`,
    );
  const takeOutcomes = () => app.database.query('DROP FUNCTION refuse_outcome CASCADE');

  it('is recorded as soon as Postgres is back, and was not undone by its absence', async () => {
    const key = uuidv7();
    await refuseOutcomes();
    const first = await run({ mark: 'unrecorded', way: 'plain' }, key, 'test.mark_alone').finally(
      takeOutcomes,
    );
    expect(first).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE' });
    const replay = await eventually(async () => {
      const again = await run({ mark: 'unrecorded', way: 'plain' }, key, 'test.mark_alone');
      expect(again.status).toBe(200);
      return again;
    });
    expect(replay.replayed).toBe(true);
    expect(await outcomes(first.traceId)).toEqual(['pending', 'succeeded']);
    expect(await marks('unrecorded')).toBe(1);
  });

  it('is on record as unknown if what the handler needs goes away after it', async () => {
    behaviour = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    const key = uuidv7();
    const first = await run({ mark: 'ambiguous', way: 'plain' }, key, 'test.mark_alone');
    expect(first).toMatchObject({ status: 503, code: 'SERVICE_UNAVAILABLE' });
    expect(await outcomes(first.traceId)).toEqual(['pending', 'unknown']);
    behaviour = () => Promise.resolve();
    // Run again as the same execution, and not as if nothing had been.
    expect(await run({ mark: 'ambiguous', way: 'plain' }, key, 'test.mark_alone')).toMatchObject({
      status: 200,
      replayed: false,
    });
    expect(
      await app.database.query('SELECT status FROM executions WHERE trace_id = $1', [first.traceId]),
    ).toEqual([{ status: 'succeeded' }]);
  });

  it('is unknown, too, if what runs processes gives no answer; what it has kept is there for the retry', async () => {
    const found: unknown[] = [];
    behaviour = async ({ checkpoint }) => {
      found.push(checkpoint.resume());
      await checkpoint.save({ begun: 'worker-2' });
      throw new AppError('RUNTIME_UNAVAILABLE');
    };
    const key = uuidv7();
    const first = await run({ mark: 'unheard', way: 'plain' }, key, 'test.mark_alone');
    expect(first).toMatchObject({ status: 503, code: 'RUNTIME_UNAVAILABLE' });
    expect(await outcomes(first.traceId)).toEqual(['pending', 'unknown']);
    behaviour = ({ checkpoint }) => {
      found.push(checkpoint.resume());
      return Promise.resolve();
    };
    expect(await run({ mark: 'unheard', way: 'plain' }, key, 'test.mark_alone')).toMatchObject({
      status: 200,
    });
    expect(found).toEqual([undefined, { begun: 'worker-2' }]);
  });

  it('is on record as failed, with the key free, if the transaction was undone with it', async () => {
    behaviour = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    const key = uuidv7();
    const first = await run({ mark: 'undone' }, key, 'test.mark_alone');
    expect(first.status).toBe(503);
    expect(await outcomes(first.traceId)).toEqual(['pending', 'failed']);
    behaviour = () => Promise.resolve();
    expect(await run({ mark: 'undone' }, key, 'test.mark_alone')).toMatchObject({
      status: 200,
      replayed: false,
    });
    expect(await marks('undone')).toBe(1);
  });
});

describe('a process that was taken for dead', () => {
  it('cannot commit its effect any more', async () => {
    behaviour = async () => {
      await app.database.query(`UPDATE executions SET fence = fence + 1 WHERE status = 'running'`);
    };
    const answer = await run({ mark: 'fenced' });
    expect(answer.status).not.toBe(200);
    expect(await marks('fenced')).toBe(0);
  });
});

describe('an answer that got lost', () => {
  it.each([0, 5_000_000])('is given again, of %i more bytes, with the effect there once', async (filler) => {
    const [key, mark] = [uuidv7(), `lost ${filler}`];
    const first = await run({ mark, filler, way: 'plain' }, key);
    expect(first.text.length).toBeGreaterThan(filler);
    const second = await run({ mark, filler, way: 'plain' }, key);
    expect(second).toMatchObject({ status: 200, replayed: true });
    expect(second.text === first.text).toBe(true);
    expect(await marks(mark)).toBe(1);
  });
});

describe('the record', () => {
  it('holds no secret of a payload, anywhere', async () => {
    const canary = `canary-${uuidv7().slice(0, 8)}`;
    await run({ mark: 'x', password: canary });
    await run({ mark: `mail ${canary}@example.test`, nonsense: 1 });
    const dump = async () =>
      JSON.stringify([
        await app.database.query('SELECT * FROM executions'),
        await app.database.query('SELECT * FROM audit_entries'),
      ]);
    await eventually(async () => expect(await dump()).toContain('[email:'));
    expect(await dump()).not.toContain(canary);
  });
});

describe('a dependency that fails', () => {
  it('is given a rest after enough failures, and errors of callers or ours do not count', async () => {
    behaviour = () => Promise.reject(new TypeError('a bug'));
    for (let i = 0; i < 20; i++) expect((await run({ mark: 'bug' })).status).toBe(500);
    behaviour = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    const codes: (string | undefined)[] = [];
    await eventually(async () => {
      codes.push((await run({ mark: 'down' })).code);
      expect(codes.at(-1)).toBe('CIRCUIT_OPEN');
    });
    expect(codes.length).toBeGreaterThan(5);
    expect(new Set(codes.slice(0, -1))).toEqual(new Set(['SERVICE_UNAVAILABLE']));
    expect(await marks('down')).toBe(0);
  });
});
