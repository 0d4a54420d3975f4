import { randomUUID } from 'node:crypto';
import type { Cluster } from '../../support/cluster';
import { eventually } from '../../support/eventually';
import type { HttpClient } from '../../support/http-client';
import { longVideo, shortVideo } from '../../support/media';
import { createJob, PLAIN_CLIPS, readJob, settled, upload } from '../../support/video-way';

/** What an operator does. */
export function operator(running: () => Cluster): void {
  let cluster: Cluster;
  let user: HttpClient;
  let operator: HttpClient;
  let operatorId: string;

  beforeAll(async () => {
    cluster = running();
    ({ client: user } = await cluster.user('user'));
    const made = await cluster.user('operator');
    operator = made.client;
    operatorId = made.user.id;
  });

  it('pauses a queue, and nothing of it runs until it is resumed; sees both live', async () => {
    const socket = await cluster.socket(operator, 1);
    await socket.subscribe('queues');
    await socket.subscribe('executions');

    const paused = await operator.action('queue.pause', { queue: 'inspector' });
    expect(paused.data).toMatchObject({ queue: 'inspector', changed: true });
    await socket.waitFor((frame) => frame.topic === 'queues' && frame.data?.['paused'] === true);
    await socket.waitFor((frame) => frame.topic === 'executions' && frame.data?.['action'] === 'queue.pause');
    const again = await operator.at(cluster.url(1)).action('queue.pause', { queue: 'inspector' });
    expect(again.data).toMatchObject({ queue: 'inspector', changed: false });

    const jobId = await createJob(user, await upload([user], await shortVideo()), PLAIN_CLIPS);
    // Long enough for a worker that ignored the pause: an unpaused queue starts a step in well under a second.
    await new Promise((resolve) => setTimeout(resolve, 2_500));
    expect((await readJob(user, jobId)).status).toBe('queued');

    await operator.at(cluster.url(1)).action('queue.resume', { queue: 'inspector' });
    await socket.waitFor((frame) => frame.topic === 'queues' && frame.data?.['paused'] === false);
    expect((await settled(user, jobId)).status).toBe('completed');
    await socket.close();
  });

  it('cancels a job in the middle of a step; its child process is gone and nothing is left over', async () => {
    const uploadId = await upload([user], await longVideo(10));
    const jobId = await createJob(user, uploadId);
    const socket = await cluster.socket(operator);
    await socket.subscribe(`job:${jobId}`);
    await eventually(async () => expect(await stepStatus(jobId, 'normaliser')).toBe('processing'), {
      timeoutMs: 60_000,
    });

    const cancelled = await operator.action<{ status: string }>(
      'job.cancel',
      { job_id: jobId },
      { options: { reason: 'a test' } },
    );
    expect(cancelled.status).toBe(200);
    await socket.waitFor((frame) => frame.data?.['kind'] === 'job' && frame.data['status'] === 'cancelled');
    expect((await readJob(user, jobId)).status).toBe('cancelled');
    // What was under way was not let finish.
    expect(
      await cluster.query(
        "SELECT agent FROM steps WHERE job_id = $1 AND status = 'cancelled' AND started_at IS NOT NULL",
        [jobId],
      ),
    ).toHaveLength(1);
    expect(
      await cluster.query(
        "SELECT agent FROM steps WHERE job_id = $1 AND status IN ('queued', 'processing', 'blocked')",
        [jobId],
      ),
    ).toEqual([]);
    await eventually(() => expect(cluster.mediaProcesses()).toEqual([]));
    await socket.close();

    const twice = await operator.action('job.cancel', { job_id: jobId });
    expect({ status: twice.status, code: twice.body.error_code }).toEqual({
      status: 409,
      code: 'INVALID_JOB_STATE',
    });
  });

  it('retries a cancelled job from where it stopped, and it completes', async () => {
    await operator.action('queue.pause', { queue: 'scene-detector' });
    const jobId = await createJob(user, await upload([user], await shortVideo()), PLAIN_CLIPS);
    await eventually(async () => expect(await stepStatus(jobId, 'normaliser')).toBe('completed'), {
      timeoutMs: 60_000,
    });
    await operator.action('job.cancel', { job_id: jobId });
    await operator.action('queue.resume', { queue: 'scene-detector' });
    expect((await readJob(user, jobId)).status).toBe('cancelled');
    const [before] = await cluster.query<{ finished_at: Date }>(
      "SELECT finished_at FROM steps WHERE job_id = $1 AND agent = 'normaliser'",
      [jobId],
    );

    const told = await user.get<{ can_retry: boolean }>(`/api/jobs/${jobId}/retry`);
    expect(told.data.can_retry).toBe(true);
    const retried = await operator.action<{ attempt: number }>('job.retry', { job_id: jobId });
    expect(retried.data.attempt).toBe(2);
    expect((await settled(user, jobId)).status).toBe('completed');
    const [after] = await cluster.query<{ finished_at: Date }>(
      "SELECT finished_at FROM steps WHERE job_id = $1 AND agent = 'normaliser'",
      [jobId],
    );
    expect(after).toEqual(before);
  });

  it('clears exactly what the preview showed, and reports what came since', async () => {
    const { client: admin } = await cluster.user('admin');
    await admin.action('queue.pause', { queue: 'inspector' });
    const uploadId = await upload([user], await shortVideo());
    const plain = () => createJob(user, uploadId, PLAIN_CLIPS);
    const shown = [await plain(), await plain()];

    const preview = await admin.action<{ count: number; preview_token: string }>(
      'queue.clear',
      { queue: 'inspector' },
      { options: { dry_run: true } },
    );
    expect(preview.data.count).toBe(2);
    for (const jobId of shown) expect((await readJob(user, jobId)).status).toBe('queued');
    const late = await plain();

    const cleared = await admin.action(
      'queue.clear',
      { queue: 'inspector' },
      {
        options: { preview_token: preview.data.preview_token, wait_ms: 10_000 },
        headers: { 'x-idempotency-key': randomUUID() },
      },
    );
    expect([200, 202]).toContain(cleared.status);
    await eventually(async () => {
      for (const jobId of shown) expect((await readJob(user, jobId)).status).toBe('cancelled');
    });
    expect((await readJob(user, late)).status).toBe('queued');
    await admin.action('queue.resume', { queue: 'inspector' });
    expect((await settled(user, late)).status).toBe('completed');
  });

  it('exports the jobs as an operation that goes on in a manager', async () => {
    const started = await operator.action('job.export', { filter: {}, format: 'ndjson' });
    expect(started.status).toBe(202);
    const executionId = started.body.execution_id ?? '';
    const finished = await eventually(
      async () => {
        const status = await operator
          .at(cluster.url(1))
          .get<{ execution: { status: string; result: { rows: number; download_url: string } } }>(
            `/api/admin/action/status?execution_id=${executionId}`,
          );
        expect(status.data.execution.status).toBe('succeeded');
        return status.data.execution.result;
      },
      { timeoutMs: 20_000 },
    );
    const [jobs] = await cluster.query<{ n: number }>('SELECT count(*) AS n FROM jobs');
    expect(finished.rows).toBe(jobs?.n);
    const file = await cluster.http().get(finished.download_url);
    const lines = file.bytes.toString('utf8').trim().split('\n');
    expect(lines.map((line) => JSON.parse(line) as unknown)).toHaveLength(jobs?.n ?? -1);
  });

  it('leaves an audit trail: one intent and one outcome for each act, none for what a preview did not do', async () => {
    const rows = await cluster.query<{ intents: number; outcomes: number }>(
      `SELECT count(*) FILTER (WHERE phase = 'intent') AS intents, count(*) FILTER (WHERE phase = 'outcome') AS outcomes
       FROM audit_entries WHERE actor_id = $1 AND execution_id IS NOT NULL GROUP BY execution_id`,
      [operatorId],
    );
    expect(rows.length).toBeGreaterThan(0);
    expect(rows).toEqual(rows.map(() => ({ intents: 1, outcomes: 1 })));
    expect(
      await cluster.query(
        "SELECT DISTINCT kind FROM audit_entries WHERE action = 'queue.clear' ORDER BY kind",
      ),
    ).toEqual([{ kind: 'act' }, { kind: 'preview' }]);
  });

  it('cannot act with a key twice, also when both calls come at once at two processes', async () => {
    const key = randomUUID();
    const calls = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        operator
          .at(cluster.url(index % 2))
          .action('queue.pause', { queue: 'packager' }, { headers: { 'x-idempotency-key': key } }),
      ),
    );
    const fresh = calls.filter(
      (call) => call.status === 200 && call.headers.get('idempotent-replayed') === null,
    );
    expect(fresh).toHaveLength(1);
    for (const call of calls) {
      if (call.status === 200) expect(call.bytes).toEqual(fresh[0]?.bytes);
      else
        expect({ status: call.status, code: call.body.error_code }).toEqual({
          status: 409,
          code: 'IDEMPOTENCY_IN_PROGRESS',
        });
    }
    expect(await cluster.query('SELECT status FROM executions WHERE idempotency_key = $1', [key])).toEqual([
      { status: 'succeeded' },
    ]);
    const other = await operator.action(
      'queue.pause',
      { queue: 'inspector' },
      { headers: { 'x-idempotency-key': key } },
    );
    expect({ status: other.status, code: other.body.error_code }).toEqual({
      status: 422,
      code: 'IDEMPOTENCY_MISMATCH',
    });
    await operator.action('queue.resume', { queue: 'packager' });
  });

  async function stepStatus(jobId: string, agent: string): Promise<string | undefined> {
    const [row] = await cluster.query<{ status: string }>(
      'SELECT status FROM steps WHERE job_id = $1 AND agent = $2',
      [jobId, agent],
    );
    return row?.status;
  }
}
