import { connect, type Socket } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { type AuditEntry, auditEntry } from '../../src/pipeline/audit/audit-entry';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { PersonalFields } from '../../src/pipeline/audit/subjects/personal-fields';
import { eventually } from '../support/eventually';
import type { Answer, HttpClient } from '../support/http-client';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf, type AuditRow } from '../support/pipeline';

/** What is refused is on record, whatever was sent, and whenever. */

const PAUSE = JSON.stringify({ action: 'queue.pause', payload: { queue: 'inspector' } });
/** Heads with which the body is read in front of the router, and behind it. */
const WAYS = [
  ['in front of the router', {}],
  ['behind the router', { origin: 'https://console.example.test' }],
] as const;

let installation: TestInstallation;

beforeAll(async () => {
  installation = await startInstallation();
});
afterAll(() => installation?.close());

const recorded = (traceId: string, { database } = installation): Promise<AuditRow[]> =>
  auditOf(database, traceId, 1);

/** An action whose body is sent later. */
class SlowAction {
  readonly traceId = uuidv7().replaceAll('-', '');
  private readonly socket: Socket;
  /** All that came, once the server has answered and the connection is gone. */
  private readonly text: Promise<string>;

  constructor({ baseUrl, token }: HttpClient, headers: Readonly<Record<string, string>> = {}) {
    this.socket = connect(Number(new URL(baseUrl).port), '127.0.0.1');
    this.text = this.socket
      .setEncoding('utf8')
      .toArray()
      .then((parts) => parts.join(''));
    const head = { authorization: `Bearer ${token}`, 'x-trace-id': this.traceId, ...headers };
    const fields = Object.entries(head).map(([name, value]) => `${name}: ${value}\r\n`);
    this.socket.write(
      `POST /api/admin/action HTTP/1.1\r\nhost: a\r\nconnection: close\r\ncontent-type: application/json\r\n` +
        `content-length: ${PAUSE.length}\r\n${fields.join('')}\r\n`,
    );
  }

  /** Sends the body. @returns status and error code of the answer */
  send(body: string): Promise<[number, string | undefined]> {
    this.socket.write(body);
    return this.answer();
  }

  /** Status and error code of the answer. */
  async answer(): Promise<[number, string | undefined]> {
    const text = await this.text;
    return [Number(text.slice(9, 12)), /"error_code":"(\w+)"/.exec(text)?.[1]];
  }
}

describe('the record of denials', () => {
  it('keeps the beginning of what is too long, and goes on with what is refused after it', async () => {
    const { client } = await installation.user('admin');
    const face = '\u{1f600}';
    // The 100th UTF-16 unit is half of a pair.
    const long = await client.action(`${'a'.repeat(99)}${face}bc`);
    const next = await client.action('no.such');
    expect((await recorded(long.body.trace_id))[0]?.detail).toEqual({ action: `${'a'.repeat(99)}${face}` });
    expect((await recorded(next.body.trace_id))[0]?.detail).toEqual({ action: 'no.such' });
  });

  it('leaves out a payload that is too large, and secrets in a reason', async () => {
    const { client } = await installation.user('admin');
    const queue = 'x'.repeat(5_000);
    const { body } = await client.action(
      'queue.pause',
      { queue },
      { options: { reason: 'with password=canary' } },
    );
    const rows = await recorded(body.trace_id);
    expect(rows[0]?.payload).toEqual({
      omitted: 'too large',
      characters: JSON.stringify({ queue }).length,
    });
    const [read] = await installation.get(PersonalFields).open(rows as unknown as AuditEntry[]);
    expect(read?.reason).toBe('with password=[masked]');
  });

  it('leaves out what an entry says if Postgres does not take it, and has all the others', async () => {
    const entries = ['a', '\ud800', 'b'].map((detail) =>
      auditEntry({ phase: 'denial', outcome: 'denied', trace_id: uuidv7(), ip: '192.0.2.1', detail }),
    );
    for (const entry of entries) installation.get(AuditLog).denied(entry);
    const kept = await Promise.all(entries.map(({ trace_id }) => recorded(trace_id ?? '')));
    expect(kept.map(([row]) => row?.detail)).toEqual(['a', null, 'b']);
  });

  it.each(WAYS)('has each body once that was not read %s', async (_where, headers) => {
    const { user, client } = await installation.user('operator');
    const post = (raw: string, more = {}) =>
      client.call('POST', '/api/admin/action', {
        raw,
        headers: { 'content-type': 'application/json', ...headers, ...more },
      });
    const denials = [
      await post('{"action":'),
      await post('{"action":"queue.pause","action":"queue.clear"}'),
      await post(JSON.stringify({ action: 'x'.repeat(300_000) })),
      await post(PAUSE, { 'content-type': 'text/plain' }),
    ];
    expect(denials.map(({ status }) => status)).toEqual([400, 400, 413, 415]);
    for (const { status, body } of denials)
      expect(await recorded(body.trace_id)).toMatchObject([
        {
          phase: 'denial',
          outcome: 'denied',
          actor_id: user.id,
          actor_role: 'operator',
          action: null,
          payload: null,
          status,
          error_code: body.error_code,
          detail: { route: '/api/admin/action' },
        },
      ]);
  });

  it('has bodies that did not come in time', async () => {
    const impatient = await startInstallation({ apis: 1, variables: { HTTP_TIMEOUT_MS: '2000' } });
    try {
      const { user, client } = await impatient.user('operator');
      const late = WAYS.map(([, headers]) => new SlowAction(client, headers));
      for (const one of late) {
        expect(await one.answer()).toEqual([408, 'REQUEST_TIMEOUT']);
        expect(await recorded(one.traceId, impatient)).toMatchObject([
          { phase: 'denial', actor_id: user.id, status: 408 },
        ]);
      }
    } finally {
      await impatient.close();
    }
  });

  it('has what was refused while its process stopped', async () => {
    const { client } = await installation.user('admin');
    const late = new SlowAction(installation.at(client, 1));
    const [, api] = installation.apis;
    // The request is there, whatever else of it is to come.
    await eventually(async () => expect(await connections(api)).toBe(1));
    const closed = api?.close();
    await eventually(() => expect(api?.getHttpServer().listening).toBe(false));
    expect(await late.send('x'.repeat(PAUSE.length))).toEqual([400, 'VALIDATION_ERROR']);
    await closed;
    expect(await recorded(late.traceId)).toHaveLength(1);
  });
});

describe('the record of what routes of the user API refuse', () => {
  const JOB = uuidv7();
  const json = { 'content-type': 'application/json' };
  const ROUTES = [
    [`/api/jobs/${JOB}/cancel`, '/api/jobs/:job_id/cancel', 'job.cancel'],
    [`/api/jobs/${JOB}/retry`, '/api/jobs/:job_id/retry', 'job.retry'],
    [`/api/jobs/${JOB}/status`, '/api/jobs/:job_id/status', null],
    ['/api/agents/inspector/start', '/api/agents/:agent_id/start', 'queue.resume'],
    ['/api/agents/inspector/stop', '/api/agents/:agent_id/stop', 'queue.pause'],
    ['/api/agents/restart', '/api/agents/restart', 'worker.restart_all'],
    ['/api/agents/config', '/api/agents/config', 'config.configure_agent'],
    ['/api/agents/clear-queue', '/api/agents/clear-queue', 'queue.clear'],
  ] as const;

  it.each(ROUTES)('has each body once that was not read, or was wrong: %s', async (path, route, action) => {
    const { user, client } = await installation.user('operator');
    const post = (raw: string, headers = json) => client.call('POST', path, { raw, headers });
    const denials = [
      await post('{"reason":'),
      await post('{"reason":"a","reason":"b"}'),
      await post(JSON.stringify({ reason: 'x'.repeat(300_000) })),
      await post('{}', { 'content-type': 'text/plain' }),
      await post('{"password":"hunter2"}'),
    ];
    expect(denials.map(({ status }) => status)).toEqual([400, 400, 413, 415, 400]);
    for (const { status, body } of denials) {
      const rows = await recorded(body.trace_id);
      expect(rows).toMatchObject([
        {
          phase: 'denial',
          outcome: 'denied',
          actor_id: user.id,
          actor_role: 'operator',
          action,
          payload: null,
          status,
          error_code: body.error_code,
          detail: { route },
        },
      ]);
      expect(JSON.stringify(rows)).not.toContain('hunter2');
    }
  });

  it('has who may not, and who was signed out', async () => {
    const { user, client } = await installation.user('readonly');
    const path = `/api/jobs/${JOB}/cancel`;
    const forbidden = await client.post(path);
    expect(forbidden.status).toBe(403);
    expect(await recorded(forbidden.body.trace_id)).toMatchObject([
      { actor_id: user.id, actor_role: 'readonly', action: 'job.cancel', error_code: 'FORBIDDEN' },
    ]);
    expect((await client.post('/api/auth/logout')).status).toBe(200);
    const ended = [await client.post(path), await client.call('POST', path, { raw: '{', headers: json })];
    expect(ended.map(({ status }) => status)).toEqual([401, 400]);
    for (const { body } of ended)
      expect(await recorded(body.trace_id)).toMatchObject([{ actor_id: user.id, action: 'job.cancel' }]);
  });

  it('has nothing of strangers, of what is no action, or twice what the pipeline refuses', async () => {
    const { client } = await installation.user('user');
    const raw = { raw: '{', headers: json };
    const stranger = await installation.http().call('POST', `/api/jobs/${JOB}/cancel`, raw);
    const upload = await client.call('POST', '/api/upload/init', raw);
    const missing = await client.post(`/api/jobs/${JOB}/cancel`);
    const last = await client.call('POST', `/api/jobs/${JOB}/cancel`, raw);
    expect([stranger, upload, missing, last].map(({ status }) => status)).toEqual([400, 400, 404, 400]);
    // Denials are written in the order in which they came.
    expect(await recorded(last.body.trace_id)).toHaveLength(1);
    const of = async ({ body }: Answer) =>
      (await auditOf(installation.database, body.trace_id, 0)).map(({ phase }) => phase);
    expect(await of(stranger)).toEqual([]);
    expect(await of(upload)).toEqual([]);
    expect(await of(missing)).toEqual(['intent', 'outcome']);
  });
});

describe.each(WAYS)('an action whose body comes late, %s', (_where, headers) => {
  it('is refused to who was demoted meanwhile', async () => {
    const { user, client } = await installation.user('operator');
    const late = new SlowAction(client, headers);
    expect((await client.action('queue.resume', { queue: 'inspector' })).status).toBe(200);
    await installation.database.query(`UPDATE users SET role = 'readonly' WHERE id = $1`, [user.id]);
    await eventually(async () =>
      expect((await client.action('queue.resume', { queue: 'inspector' })).status).toBe(403),
    );
    expect(await late.send(PAUSE)).toEqual([403, 'FORBIDDEN']);
    expect(await recorded(late.traceId)).toMatchObject([{ phase: 'denial', actor_role: 'readonly' }]);
  });

  it('is refused to who has signed out meanwhile', async () => {
    const { user, client } = await installation.user('operator');
    const late = new SlowAction(client, headers);
    expect((await client.action('queue.resume', { queue: 'inspector' })).status).toBe(200);
    expect((await client.post('/api/auth/logout')).status).toBe(200);
    expect(await late.send(PAUSE)).toEqual([401, 'UNAUTHORIZED']);
    expect(await recorded(late.traceId)).toMatchObject([{ phase: 'denial', actor_id: user.id, status: 401 }]);
  });
});

/** How many connections a server has. */
function connections(api: TestInstallation['apis'][number] | undefined): Promise<number> {
  return new Promise((resolve, reject) =>
    api
      ?.getHttpServer()
      .getConnections((error: Error | null, count: number) => (error ? reject(error) : resolve(count))),
  );
}
