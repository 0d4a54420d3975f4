import { createHash } from 'node:crypto';
import { v7 as uuidv7 } from 'uuid';
import { QueueAdmin } from '../../src/media/flow/queues/queue-admin.service';
import { fingerprint } from '../../src/platform/security/canonical-json';
import { signToken } from '../../src/platform/security/signed-token';
import { SigningKeys } from '../../src/platform/security/signing-keys';
import type { HttpClient } from '../support/http-client';
import { eventually } from '../support/eventually';
import { startInstallation, type TestInstallation } from '../support/installation';
import { failedJob, newKey, waitingJob } from '../support/pipeline';

interface Execution {
  execution: { status: string; result: Record<string, unknown>; error_code: string | null };
}

let installation: TestInstallation;
let admin: HttpClient;
let adminId: string;

beforeAll(async () => {
  installation = await startInstallation({ apis: 3 });
  const { user, client } = await installation.user('admin');
  admin = client;
  adminId = user.id;
  // Nothing is to take the waiting jobs of these tests: no worker runs, and the queue is paused besides.
  await installation.get(QueueAdmin).pause('all');
});
afterAll(() => installation?.close());

const ended = (executionId: unknown): Promise<Execution['execution']> =>
  eventually(
    async () => {
      const { data } = await admin.get<Execution>(
        `/api/admin/action/status?execution_id=${String(executionId)}`,
      );
      expect(data.execution.status).not.toBe('running');
      return data.execution;
    },
    { timeoutMs: 20_000 },
  );
const statusOf = async (jobId: string) =>
  (await installation.database.query<{ status: string }>('SELECT status FROM jobs WHERE id = $1', [jobId]))[0]
    ?.status;

/** The execution of a key, once it has been handed over. */
const handedOver = (headers: Record<string, string>): Promise<string> =>
  eventually(async () => {
    const [row] = await installation.database.query<{ id: string }>(
      'SELECT id FROM executions WHERE idempotency_key = $1 AND progress IS NOT NULL',
      [headers['x-idempotency-key']],
    );
    if (!row) throw new Error('nothing was handed over yet');
    return row.id;
  });

describe('a caller who waits for an operation', () => {
  const ask = (headers: Record<string, string>) =>
    admin.action('job.export', { filter: {} }, { headers, options: { wait_ms: 20_000 } });

  it('is answered as a retry was that came first', async () => {
    const headers = newKey();
    const waiting = ask(headers);
    const id = await handedOver(headers);
    await installation.database.query(
      `UPDATE executions SET status = 'succeeded', result = '{}', finished_at = now() WHERE id = $1`,
      [id],
    );
    const retry = await installation.at(admin, 1).action('job.export', { filter: {} }, { headers });
    expect(retry.status).toBe(200);
    expect((await waiting).bytes.equals(retry.bytes)).toBe(true);
  });

  it('is told that it was accepted when the process stops, which does not wait for the end', async () => {
    const headers = newKey();
    const waiting = installation
      .at(admin, 2)
      .action('job.export', { filter: {} }, { headers, options: { wait_ms: 20_000 } });
    const id = await handedOver(headers);
    const startedAt = performance.now();
    await installation.apis[2]?.close();
    expect(performance.now() - startedAt).toBeLessThan(10_000);
    const answer = await waiting;
    expect([answer.status, answer.body.execution_id]).toEqual([202, id]);
    const retry = await admin.action('job.export', { filter: {} }, { headers });
    expect(retry.bytes.equals(answer.bytes)).toBe(true);
  });

  it('is not told that it was accepted if that cannot be kept as the answer', async () => {
    const headers = newKey();
    const waiting = ask(headers);
    const id = await handedOver(headers);
    await installation.database.query(
      `ALTER TABLE executions ADD CONSTRAINT no_answer CHECK (response_body IS NULL) NOT VALID`,
    );
    await installation.database.query(
      `UPDATE executions SET status = 'succeeded', result = '{}', finished_at = now() WHERE id = $1`,
      [id],
    );
    const answer = await waiting.finally(() =>
      installation.database.query('ALTER TABLE executions DROP CONSTRAINT no_answer'),
    );
    expect([answer.status, answer.body.error_code]).toEqual([409, 'IDEMPOTENCY_IN_PROGRESS']);
    expect((await admin.action('job.export', { filter: {} }, { headers })).status).toBe(200);
  });
});

describe('an operation', () => {
  it.each([
    ['has lost the permission', `role = 'user'`],
    ['was disabled', 'enabled = false'],
  ])('is not run for somebody who %s meanwhile', async (_what, change) => {
    const { user, client } = await installation.user('operator');
    const accepted = await client.action('job.export', { filter: {} }, { headers: newKey() });
    await installation.database.query(`UPDATE users SET ${change} WHERE id = $1`, [user.id]);
    const manager = await installation.startManager();
    expect(await ended(accepted.body.execution_id)).toMatchObject({
      status: 'failed',
      error_code: 'FORBIDDEN',
    });
    await manager.close();
  });

  it('is shown to whoever asked for it and to admins, and to nobody else', async () => {
    const [one, other] = [await installation.user('operator'), await installation.user('operator')];
    const { execution_id } = (await one.client.action('queue.resume', { queue: 'inspector' })).body;
    const asked = async (client: HttpClient, id: unknown) => {
      const answer = await client.get(`/api/admin/action/status?execution_id=${String(id)}`);
      return [answer.status, answer.body.error_code];
    };
    expect(await asked(one.client, execution_id)).toEqual([200, undefined]);
    expect(await asked(admin, execution_id)).toEqual([200, undefined]);
    // The same as for one that does not exist.
    for (const id of [execution_id, uuidv7()])
      expect(await asked(other.client, id)).toEqual([404, 'EXECUTION_NOT_FOUND']);
    const { recent } = (await other.client.get<{ recent: unknown[] }>('/api/admin/action/status')).data;
    expect(recent).toEqual([]);
  });

  it('waits for a manager, is run by it, and is answered the same way all the time', async () => {
    const headers = newKey();
    await failedJob(installation.database, adminId);
    const payload = { filter: { status: ['failed'] }, format: 'ndjson' };
    const accepted = await admin.action('job.export', payload, { headers });
    expect(accepted.status).toBe(202);
    expect(accepted.data).toMatchObject({ status: 'running', execution_id: accepted.body.execution_id });
    // What Redis had is gone: Postgres knows it.
    const keys = await installation.redis.client.keys(`${installation.redis.prefix}:bull:operations:*`);
    await installation.redis.client.del(keys);
    await installation.startManager();
    const done = await ended(accepted.body.execution_id);
    expect(done).toMatchObject({ status: 'succeeded', result: { rows: 1, name: 'jobs.ndjson' } });
    const replay = await admin.action('job.export', payload, { headers });
    expect([replay.status, replay.bytes.equals(accepted.bytes)]).toEqual([202, true]);
  });

  it('is answered with its result if the caller waits', async () => {
    const title = '=HYPERLINK("http://evil.example")';
    const job = await failedJob(installation.database, adminId);
    await installation.database.query('UPDATE jobs SET title = $2 WHERE id = $1', [job, title]);
    const headers = newKey();
    const call = { options: { wait_ms: 20_000 }, headers };
    const answer = await admin.action<Record<string, string>>(
      'job.export',
      { filter: {}, include_steps: true },
      call,
    );
    expect(answer.status).toBe(200);
    const file = await admin.get(new URL(answer.data['download_url'] ?? '').pathname);
    expect(createHash('sha256').update(file.bytes).digest('hex')).toBe(answer.data['sha256']);
    const text = file.bytes.toString('utf8');
    expect(text.split('\n')[0]).toContain('step_agent');
    expect(text).toContain(`"'=HYPERLINK(""http://evil.example"")"`);
    const replay = await admin.action('job.export', { filter: {}, include_steps: true }, call);
    expect([replay.status, replay.bytes.equals(answer.bytes)]).toEqual([200, true]);
  });
});

describe('an operation that is stopped', () => {
  interface Report {
    status: string;
    result: { done: number; not_done: number };
  }
  /** Slows each cancelling down, so that the operation is surely under way when it is stopped. */
  async function slowly<T>(work: () => Promise<T>): Promise<T> {
    const { query } = installation.database;
    await query(
      `CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.05); RETURN NEW; END $$`,
    );
    await query('CREATE TRIGGER slow BEFORE UPDATE ON jobs FOR EACH ROW EXECUTE FUNCTION slow()');
    try {
      return await work();
    } finally {
      await query('DROP FUNCTION slow CASCADE');
    }
  }
  const cancelled = async (jobs: string[]) =>
    (
      await installation.database.query<{ n: number }>(
        `SELECT count(*) AS n FROM jobs WHERE status = 'cancelled' AND id = ANY($1)`,
        [jobs],
      )
    )[0]?.n ?? -1;

  it('says exactly which part of a queue was cleared', async () => {
    const jobs: string[] = [];
    for (let i = 0; i < 120; i++) jobs.push(await waitingJob(installation.database, adminId));
    await slowly(async () => {
      const accepted = await admin.action('queue.clear', { queue: 'inspector' }, { headers: newKey() });
      await eventually(async () => expect(await cancelled(jobs)).toBeGreaterThan(3), { timeoutMs: 20_000 });
      const { data } = await installation
        .at(admin, 1)
        .action<Report>('system.abort_operation', { execution_id: accepted.body.execution_id });
      expect(data.status).toBe('aborted');
      expect(data.result.done).toBe(await cancelled(jobs));
      expect(data.result.done + data.result.not_done).toBe(jobs.length);
      expect(data.result.not_done).toBeGreaterThan(0);
      expect(await ended(accepted.body.execution_id)).toMatchObject({
        status: 'aborted',
        error_code: 'OPERATION_ABORTED',
      });
    });
    await installation.database.query(`UPDATE jobs SET status = 'failed'`);
    await installation.database.query(`UPDATE steps SET status = 'failed'`);
  });
});

describe('a preview', () => {
  interface Preview {
    count: number;
    ids: string[];
    digest: string;
    preview_token: string;
  }
  const preview = () =>
    admin.action<Preview>('queue.clear', { queue: 'inspector' }, { options: { dry_run: true } });

  /** What an api leaves that dies before it hands the operation over. */
  async function leftBehind(): Promise<{ id: string; headers: Record<string, string> }> {
    const [id, headers] = [uuidv7(), newKey()];
    const payload = { queue: 'inspector' };
    await installation.database.query(
      `INSERT INTO executions (id, action, kind, actor_id, status, idempotency_key, fingerprint, payload, lease_until, trace_id)
       VALUES ($1::uuid, 'queue.clear', 'act', $2, 'running', $3, $4, $5, now() - interval '1 second', $1::uuid::text)`,
      [
        id,
        adminId,
        headers['x-idempotency-key'],
        fingerprint({ action: 'queue.clear', payload }),
        JSON.stringify({ payload, reason: null, owner_id: null, preview_id: null }),
      ],
    );
    return { id, headers };
  }

  it('freezes what may be acted on', async () => {
    const [kept, changed, gone] = await Promise.all([
      waitingJob(installation.database, adminId),
      waitingJob(installation.database, adminId),
      waitingJob(installation.database, adminId),
    ]);
    const shown = await preview();
    expect(shown.data.count).toBe(3);
    expect([...shown.data.ids].sort()).toEqual([kept, changed, gone].sort());
    expect(await statusOf(kept)).toBe('queued');

    const added = await waitingJob(installation.database, adminId);
    await installation.database.query('UPDATE jobs SET attempt = 2 WHERE id = $1', [changed]);
    await installation.database.query(
      `UPDATE steps SET status = 'processing' WHERE job_id = $1 AND agent = 'inspector'`,
      [gone],
    );

    const options = { preview_token: shown.data.preview_token, wait_ms: 20_000 };
    const answer = await admin.action('queue.clear', { queue: 'inspector' }, { options, headers: newKey() });
    expect(answer.data).toMatchObject({
      cancelled_jobs: 1,
      since_preview: { added: 1, changed: 1, gone: 1 },
    });
    expect(await Promise.all([kept, changed, added].map(statusOf))).toEqual([
      'cancelled',
      'queued',
      'queued',
    ]);
    await installation.database.query(`UPDATE jobs SET status = 'failed'`);
    await installation.database.query(`UPDATE steps SET status = 'failed'`);
  });

  it('is kept to by a retry that takes over what was asked for without it', async () => {
    const shown = await preview();
    const added = await waitingJob(installation.database, adminId);
    const { headers } = await leftBehind();
    const options = { preview_token: shown.data.preview_token, wait_ms: 20_000 };
    const answer = await admin.action('queue.clear', { queue: 'inspector' }, { options, headers });
    expect(answer.data).toMatchObject({ cancelled_jobs: 0, since_preview: { added: 1 } });
    expect(await statusOf(added)).toBe('queued');
    await installation.database.query(`UPDATE jobs SET status = 'failed'`);
    await installation.database.query(`UPDATE steps SET status = 'failed'`);
  });

  describe('that has expired', () => {
    const act = (token: string, headers: Record<string, string>) =>
      admin.action(
        'queue.clear',
        { queue: 'inspector' },
        { options: { preview_token: token, wait_ms: 20_000 }, headers },
      );
    /** The same token, as it is after its time. */
    function aged(token: string): string {
      const said = JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()) as object;
      const secret = installation.get(SigningKeys).secret('preview');
      return signToken(secret, said, new Date(Date.now() - 1_000));
    }

    it('is acted on no more, and leaves the key free', async () => {
      const token = (await preview()).data.preview_token;
      const headers = newKey();
      for (let i = 0; i < 2; i++) {
        const answer = await act(aged(token), headers);
        expect([answer.status, answer.body.error_code]).toEqual([400, 'PREVIEW_INVALID']);
      }
      expect((await act(token, headers)).status).toBe(200);
    });

    it('does not keep a retry from the answer to what was done with it in time', async () => {
      const token = (await preview()).data.preview_token;
      const headers = newKey();
      const first = await act(token, headers);
      expect(first.status).toBe(200);
      const again = await act(aged(token), headers);
      expect([again.status, again.headers.get('idempotent-replayed')]).toEqual([200, 'true']);
      expect(again.bytes.equals(first.bytes)).toBe(true);
    });

    it('does not bring back what a process has left behind', async () => {
      const token = (await preview()).data.preview_token;
      const { id, headers } = await leftBehind();
      const answer = await act(aged(token), headers);
      expect([answer.status, answer.body.error_code]).toEqual([400, 'PREVIEW_INVALID']);
      const [row] = await installation.database.query<{ fence: number }>(
        `SELECT fence FROM executions WHERE id = $1 AND status IN ('running', 'unknown') AND progress IS NULL`,
        [id],
      );
      expect(row).toBeDefined();
    });
  });

  it('is recorded as a preview, and not as the act', async () => {
    const shown = await preview();
    const rows = await installation.database.query(
      'SELECT phase, kind, outcome FROM audit_entries WHERE execution_id = $1 ORDER BY seq',
      [shown.body.execution_id],
    );
    expect(rows).toEqual([
      { phase: 'intent', kind: 'preview', outcome: 'pending' },
      { phase: 'outcome', kind: 'preview', outcome: 'succeeded' },
    ]);
  });

  it('leaves the key free for the act', async () => {
    const headers = newKey();
    const shown = await admin.action(
      'queue.clear',
      { queue: 'packager' },
      { options: { dry_run: true }, headers },
    );
    const act = await admin.action('queue.clear', { queue: 'packager' }, { headers });
    expect([shown.status, act.status]).toEqual([200, 202]);
  });

  it('can be acted on by nobody else, for nothing else, and not changed', async () => {
    const shown = await preview();
    const token = shown.data.preview_token;
    const { client: other } = await installation.user('admin');
    const tries = await Promise.all([
      other.action('queue.clear', { queue: 'inspector' }, { options: { preview_token: token } }),
      admin.action('queue.clear', { queue: 'packager' }, { options: { preview_token: token } }),
      admin.action(
        'queue.clear',
        { queue: 'inspector' },
        { options: { preview_token: `${token.slice(0, -2)}xx` } },
      ),
      admin.action('queue.clear', { queue: 'inspector' }, { options: { preview_token: 'x.y' } }),
    ]);
    for (const answer of tries)
      expect([answer.status, answer.body.error_code]).toEqual([400, 'PREVIEW_INVALID']);
  });
});

describe('a critical action', () => {
  const toggle = (options: object, headers: Record<string, string> = newKey()) =>
    admin.action('system.maintenance_mode_toggle', { enabled: true }, { options, headers });

  it.each([
    ['neither name nor reason', {}],
    ['no reason', { confirm: 'system.maintenance_mode_toggle' }],
    ['another name', { confirm: 'yes', reason: 'a test' }],
    ['an empty reason', { confirm: 'system.maintenance_mode_toggle', reason: ' ' }],
  ])('is refused with %s', async (_what, options) => {
    const answer = await toggle(options);
    expect([answer.status, answer.body.error_code]).toEqual([400, 'CONFIRMATION_REQUIRED']);
  });

  it('needs a key', async () => {
    const answer = await toggle({ confirm: 'system.maintenance_mode_toggle', reason: 'a test' }, {});
    expect([answer.status, answer.body.error_code]).toEqual([400, 'IDEMPOTENCY_KEY_REQUIRED']);
  });

  it('closes the user API on every process within a second, and opens it again', async () => {
    const { client } = await installation.user('user');
    const confirmed = { confirm: 'system.maintenance_mode_toggle', reason: 'a test' };
    const on = await toggle(confirmed);
    expect(on.data).toMatchObject({ enabled: true, changed: true });
    for (const api of [0, 1]) {
      await eventually(
        async () => {
          const answer = await installation.at(client, api).get('/api/jobs/history');
          expect([answer.status, answer.body.error_code]).toEqual([503, 'MAINTENANCE']);
          expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
        },
        { timeoutMs: 5_000 },
      );
      expect((await installation.at(admin, api).get('/api/admin/action/status')).status).toBe(200);
    }
    await admin.action(
      'system.maintenance_mode_toggle',
      { enabled: false },
      { options: confirmed, headers: newKey() },
    );
    await eventually(
      async () => expect((await installation.at(client, 1).get('/api/jobs/history')).status).toBe(200),
      {
        timeoutMs: 5_000,
      },
    );
  });
});
