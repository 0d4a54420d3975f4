import { Client } from 'pg';
import { v7 as uuidv7 } from 'uuid';
import type { Intent } from '../../src/pipeline/executions/execution';
import { ExecutionSweeper } from '../../src/pipeline/executions/execution-sweeper.manager';
import { ExecutionStore, KEY_LIFE_S } from '../../src/pipeline/executions/execution-store';
import { OperationQueue } from '../../src/pipeline/operations/operation-queue';
import { Db } from '../../src/platform/postgres/db';
import { fingerprint } from '../../src/platform/security/canonical-json';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf, failedJob, newKey } from '../support/pipeline';

let installation: TestInstallation;
let operator: HttpClient;
let operatorId: string;

beforeAll(async () => {
  installation = await startInstallation();
  const { user, client } = await installation.user('operator');
  operator = client;
  operatorId = user.id;
});

afterAll(() => installation?.close());

const attempts = async (jobId: string): Promise<number | undefined> =>
  (
    await installation.database.query<{ attempt: number }>('SELECT attempt FROM jobs WHERE id = $1', [jobId])
  )[0]?.attempt;

const sweeper = () =>
  new ExecutionSweeper(installation.get(Db), installation.get(OperationQueue)).run({
    fence: 1,
    signal: new AbortController().signal,
  });

/** An execution as a process leaves it that dies in the middle of it. */
async function abandoned(action: string, payload: object, key: string): Promise<string> {
  const id = uuidv7();
  await installation.database.query(
    `INSERT INTO executions (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, lease_until, trace_id)
     VALUES ($1::uuid, $2, 'act', $3, 'running', $4, $5, '{}', now() - interval '1 second', $1::uuid::text)`,
    [id, action, operatorId, key, fingerprint({ action, payload })],
  );
  return id;
}

/** What a request with that key is claimed with. */
const retry = (key: string): Intent => ({
  executionId: uuidv7(),
  action: 'queue.resume',
  kind: 'act',
  actor: { userId: operatorId, email: 'operator@example.test', role: 'operator', sessionId: uuidv7() },
  idempotencyKey: key,
  fingerprint: fingerprint({ action: 'queue.resume', payload: { queue: 'inspector' } }),
  payload: {},
  scrubbed: {},
  reason: null,
  detail: null,
  origin: { traceId: uuidv7(), ip: null, userAgent: null },
  leaseS: 30,
});

describe('an idempotency key', () => {
  it('makes fifty parallel requests at two processes one effect', async () => {
    const job_id = await failedJob(installation.database, operatorId);
    const headers = newKey();
    const answers = await Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        installation.at(operator, i % 2).action('job.retry', { job_id }, { headers }),
      ),
    );
    expect(await attempts(job_id)).toBe(2);
    const fresh = answers.filter(
      (answer) => answer.status === 200 && !answer.headers.has('idempotent-replayed'),
    );
    expect(fresh).toHaveLength(1);
    for (const answer of answers) {
      if (answer.status === 200) expect(answer.bytes.equals(fresh[0]?.bytes ?? Buffer.alloc(0))).toBe(true);
      else expect([answer.status, answer.body.error_code]).toEqual([409, 'IDEMPOTENCY_IN_PROGRESS']);
    }
  });

  it('means the same payload however it is written', async () => {
    const job_id = await failedJob(installation.database, operatorId);
    const headers = newKey();
    await operator.action('job.retry', { job_id, from: 'start' }, { headers });
    const again = await operator.action('job.retry', { from: 'start', job_id }, { headers });
    expect(again.headers.get('idempotent-replayed')).toBe('true');
  });

  it('belongs to its user', async () => {
    const { client: other } = await installation.user('operator');
    const job_id = await failedJob(installation.database, operatorId);
    const headers = newKey();
    const mine = await operator.action('job.retry', { job_id }, { headers });
    const theirs = await other.action('job.retry', { job_id }, { headers });
    expect(mine.status).toBe(200);
    expect([theirs.status, theirs.body.error_code]).toEqual([409, 'INVALID_JOB_STATE']);
  });

  it('is checked against the permission again before a replay', async () => {
    const { user, client } = await installation.user('operator');
    const headers = newKey();
    const first = await client.action('queue.resume', { queue: 'inspector' }, { headers });
    expect(first.status).toBe(200);
    await installation.database.query(`UPDATE users SET role = 'readonly' WHERE id = $1`, [user.id]);
    await new Promise((resolve) => setTimeout(resolve, 1_050));
    const replay = await client.action('queue.resume', { queue: 'inspector' }, { headers });
    expect([replay.status, replay.body.error_code]).toEqual([403, 'FORBIDDEN']);
  });

  it('is free again an hour after the end', async () => {
    const headers = newKey();
    const payload = { queue: 'inspector' };
    const first = await operator.action('queue.resume', payload, { headers });
    const age = (seconds: number) =>
      installation.database.query(
        `UPDATE executions SET finished_at = now() - make_interval(secs => $2) WHERE id = $1`,
        [first.body.execution_id, seconds],
      );
    await age(KEY_LIFE_S - 60);
    const replay = await operator.action('queue.resume', payload, { headers });
    expect(replay.headers.get('idempotent-replayed')).toBe('true');
    await age(KEY_LIFE_S + 1);
    const anew = await operator.action('queue.resume', payload, { headers });
    expect(anew.headers.get('idempotent-replayed')).toBeNull();
    expect(anew.body.execution_id).not.toBe(first.body.execution_id);
  });

  it.each([
    ['is empty', { 'x-idempotency-key': '' }],
    ['contradicts the other header', { 'x-idempotency-key': 'a', 'idempotency-key': 'b' }],
    ['was given twice', { 'x-idempotency-key': 'a, b' }],
  ])('is refused if it %s', async (_what, headers: Record<string, string>) => {
    const answer = await operator.action('queue.resume', { queue: 'inspector' }, { headers });
    expect([answer.status, answer.body.error_code]).toEqual([400, 'IDEMPOTENCY_KEY_INVALID']);
  });

  it('may be given in both headers, and in quotes', async () => {
    const key = uuidv7();
    const first = await operator.action(
      'queue.resume',
      { queue: 'inspector' },
      { headers: { 'idempotency-key': `"${key}"` } },
    );
    const second = await operator.action(
      'queue.resume',
      { queue: 'inspector' },
      { headers: { 'x-idempotency-key': key, 'idempotency-key': key } },
    );
    expect(first.status).toBe(200);
    expect(second.headers.get('idempotent-replayed')).toBe('true');
  });
});

describe('an execution whose process died', () => {
  it('is closed as unknown by the sweeper', async () => {
    const id = await abandoned('queue.resume', { queue: 'inspector' }, uuidv7());
    await sweeper();
    const [row] = await installation.database.query<{ status: string }>(
      'SELECT status FROM executions WHERE id = $1',
      [id],
    );
    expect(row?.status).toBe('unknown');
    expect(await auditOf(installation.database, id, 1)).toMatchObject([
      { phase: 'outcome', outcome: 'unknown' },
    ]);
  });

  it.each([false, true])('is taken over by one of twenty who try (swept before: %s)', async (swept) => {
    const job_id = await failedJob(installation.database, operatorId);
    const key = uuidv7();
    const id = await abandoned('job.retry', { job_id }, key);
    if (swept) await sweeper();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        installation
          .at(operator, i % 2)
          .action('job.retry', { job_id }, { headers: { 'x-idempotency-key': key } }),
      ),
    );
    expect(await attempts(job_id)).toBe(2);
    const fresh = answers.filter(
      (answer) => answer.status === 200 && !answer.headers.has('idempotent-replayed'),
    );
    expect(fresh.map((answer) => answer.body.execution_id)).toEqual([id]);
    // What was abandoned is closed before it begins anew, whoever did that.
    const entries = await installation.database.query<{ outcome: string }>(
      'SELECT outcome FROM audit_entries WHERE execution_id = $1 ORDER BY seq',
      [id],
    );
    expect(entries.map(({ outcome }) => outcome)).toEqual(['unknown', 'pending', 'succeeded']);
  });

  it.each([
    ['succeeded', { queue: 'inspector', changed: true }, null, 200],
    ['failed', null, 'JOB_NOT_FOUND', 404],
  ])(
    'is what a retry is answered from, at any process, if it %s before it could answer',
    async (status, result, code, expected) => {
      const key = uuidv7();
      const id = await abandoned('queue.resume', { queue: 'inspector' }, key);
      await installation.database.query(
        'UPDATE executions SET status = $2, result = $3, error_code = $4, finished_at = now() WHERE id = $1',
        [id, status, JSON.stringify(result), code],
      );
      const headers = { 'x-idempotency-key': key };
      const ask = (api: number) =>
        installation.at(operator, api).action('queue.resume', { queue: 'inspector' }, { headers });
      const first = await ask(0);
      expect(first.status).toBe(expected);
      expect(first.body).toMatchObject({
        execution_id: id,
        ...(code ? { error_code: code } : { data: result }),
      });
      expect((await ask(1)).bytes.equals(first.bytes)).toBe(true);
    },
  );

  it('is left to it if it gives a sign of life at the last moment, and not once it was taken over', async () => {
    const key = uuidv7();
    const id = await abandoned('queue.resume', { queue: 'inspector' }, key);
    const store = installation.get(ExecutionStore);
    const [first, second] = await Promise.all([
      store.findByKey(operatorId, key),
      store.findByKey(operatorId, key),
    ]);
    if (!first || !second) throw new Error('The execution is not found');
    expect(first.lease_left_s).toBeLessThan(0);
    expect(await store.renew({ executionId: id, fence: 1 }, 0)).toBe(true);
    const claim = await store.takeOver(first, retry(key));
    expect(claim).toMatchObject({ executionId: id, fence: 2 });
    expect(await store.renew({ executionId: id, fence: 1 }, 30)).toBe(false);
    expect(await store.takeOver(second, retry(key))).toBeUndefined();

    const found = await store.findByKey(operatorId, key);
    await installation.database.query(
      `UPDATE executions SET lease_until = now() - interval '1 s' WHERE id = $1`,
      [id],
    );
    expect(await store.renew({ executionId: id, fence: 2 }, 30)).toBe(true);
    expect(found && (await store.takeOver(found, retry(key)))).toBeUndefined();
  });

  it('cannot write an outcome any more once it was taken over', async () => {
    const id = await abandoned('queue.resume', { queue: 'inspector' }, uuidv7());
    await installation.database.query('UPDATE executions SET fence = 2 WHERE id = $1', [id]);
    const store = installation.get(ExecutionStore);
    const outcome = {
      status: 'succeeded',
      httpStatus: 200,
      body: Buffer.from('{}'),
      result: {},
      errorCode: null,
      freesKey: false,
    } as const;
    expect(await store.settle({ executionId: id, fence: 1 }, outcome)).toBe(false);
    expect(await store.settle({ executionId: id, fence: 2 }, outcome)).toBe(true);
  });
});

describe('an execution that is held up', () => {
  it('cannot pause a queue any more once its execution was taken over', async () => {
    const queue = 'packager';
    await operator.action('queue.pause', { queue }, { headers: newKey() });
    await operator.action('queue.resume', { queue }, { headers: newKey() });
    const headers = newKey();
    const slow = await holding(`SELECT FROM queues WHERE name = '${queue}' FOR UPDATE`, async (release) => {
      const answer = operator.action('queue.pause', { queue }, { headers });
      await eventually(async () =>
        expect(
          await installation.database.query(
            `UPDATE executions SET fence = fence + 1 WHERE idempotency_key = $1 RETURNING id`,
            [headers['x-idempotency-key']],
          ),
        ).toHaveLength(1),
      );
      await release();
      return answer;
    });
    expect(slow.body.error_code).toBe('IDEMPOTENCY_IN_PROGRESS');
    expect(await installation.database.query('SELECT paused FROM queues WHERE name = $1', [queue])).toEqual([
      { paused: false },
    ]);
  });

  it('does what it was asked once, and keeps the answer, although its caller has gone', async () => {
    const job_id = await failedJob(installation.database, operatorId);
    const [headers, gone] = [newKey(), new AbortController()];
    await holding(`SELECT FROM jobs WHERE id = '${job_id}' FOR UPDATE`, async (release) => {
      const json = { action: 'job.retry', payload: { job_id } };
      const lost = operator.call('POST', '/api/admin/action', { json, headers, signal: gone.signal });
      await eventually(async () => expect(await statusOf(headers)).toBe('running'));
      gone.abort();
      await expect(lost).rejects.toThrow();
      await release();
    });
    await eventually(async () => expect(await statusOf(headers)).toBe('succeeded'));
    const again = await operator.action('job.retry', { job_id }, { headers });
    expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
    expect(await attempts(job_id)).toBe(2);
    expect(await auditOf(installation.database, again.body.trace_id, 2)).toHaveLength(2);
  });

  const statusOf = async (headers: Record<string, string>) =>
    (
      await installation.database.query<{ status: string }>(
        'SELECT status FROM executions WHERE idempotency_key = $1',
        [headers['x-idempotency-key']],
      )
    )[0]?.status;

  /** Runs `work` while a transaction holds what `lock` locks, until `work` releases it. */
  async function holding<T>(lock: string, work: (release: () => Promise<unknown>) => Promise<T>): Promise<T> {
    const client = new Client({ connectionString: installation.database.ownerUrl });
    await client.connect();
    try {
      await client.query('BEGIN');
      await client.query(lock);
      return await work(() => client.query('COMMIT'));
    } finally {
      await client.end();
    }
  }
});

describe('an action that cannot be put on record', () => {
  it('is not done', async () => {
    const job_id = await failedJob(installation.database, operatorId);
    await installation.database.query('ALTER TABLE audit_entries RENAME TO audit_entries_away');
    const answer = await operator
      .action('job.retry', { job_id }, { headers: newKey() })
      .finally(() => installation.database.query('ALTER TABLE audit_entries_away RENAME TO audit_entries'));
    expect([answer.status, answer.body.error_code]).toEqual([503, 'AUDIT_UNAVAILABLE']);
    expect(await attempts(job_id)).toBe(1);
  });
});
