import type { Cluster } from '../../support/cluster';
import { eventually } from '../../support/eventually';

/** What a load balancer and a monitoring system see. */
export function health(running: () => Cluster): void {
  let cluster: Cluster;

  beforeAll(() => {
    cluster = running();
  });

  it('each process says what it is, that it lives, and that it is ready', async () => {
    for (const api of [0, 1]) {
      for (const path of ['/', '/health', '/health/ready']) {
        const answer = await cluster.http(api).get(path);
        expect({ path, status: answer.status }).toEqual({ path, status: 200 });
        expect(answer.headers.get('x-trace-id')).toMatch(/^[A-Za-z0-9-]{8,64}$/);
        expect(answer.headers.get('x-powered-by')).toBeNull();
      }
    }
  });

  it('every answer carries the trace id that was sent, unless it is not fit to be echoed', async () => {
    const sent = await cluster.http().get('/health', { 'x-trace-id': 'abcdef0123456789' });
    expect(sent.headers.get('x-trace-id')).toBe('abcdef0123456789');
    const parent = await cluster
      .http()
      .get('/health', { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' });
    expect(parent.headers.get('x-trace-id')).toBe('0af7651916cd43dd8448eb211c80319c');
    for (const bad of ['<script>', 'x'.repeat(10_000), 'short']) {
      const answer = await cluster.http().get('/health', { 'x-trace-id': bad });
      expect(answer.headers.get('x-trace-id')).not.toBe(bad);
      expect(answer.headers.get('x-trace-id')).toMatch(/^[A-Za-z0-9-]{8,64}$/);
    }
  });

  it('errors keep to the envelope and tell nothing of the inside', async () => {
    const missing = await cluster.http().get('/api/nothing/here');
    const malformed = await cluster.http().call('POST', '/api/auth/login', {
      raw: '{"email": ',
      headers: { 'content-type': 'application/json' },
    });
    const doubled = await cluster.http().call('POST', '/api/auth/login', {
      raw: '{"email":"a@b.cd","email":"x@y.zz","password":"p"}',
      headers: { 'content-type': 'application/json' },
    });
    const deep = await cluster.http().call('POST', '/api/auth/login', {
      raw: `${'['.repeat(5_000)}${']'.repeat(5_000)}`,
      headers: { 'content-type': 'application/json' },
    });
    const polluted = await cluster.http().call('POST', '/api/auth/login', {
      raw: '{"__proto__":{"isAdmin":true},"email":"a@b.cd","password":"p"}',
      headers: { 'content-type': 'application/json' },
    });
    const text = await cluster
      .http()
      .call('POST', '/api/auth/login', { raw: 'hello', headers: { 'content-type': 'text/plain' } });
    const large = await cluster.http().post('/api/auth/login', { email: 'x'.repeat(300_000), password: 'p' });
    const wrong = await cluster.http().call('DELETE', '/api/auth/login');
    const statuses = [missing, malformed, doubled, deep, polluted, text, large, wrong].map(
      (answer) => answer.status,
    );
    expect(statuses).toEqual([404, 400, 400, 400, 400, 415, 413, 405]);
    for (const answer of [missing, malformed, doubled, deep, polluted, text, large, wrong]) {
      expect(answer.body).toMatchObject({
        success: false,
        error: expect.any(String),
        error_code: expect.any(String),
      });
      expect(answer.body.trace_id).toBe(answer.headers.get('x-trace-id'));
      expect(answer.bytes.toString()).not.toMatch(/node_modules|\.ts:|\.js:|SELECT|stack/);
    }
    expect(wrong.headers.get('allow')).toContain('POST');
  });

  it('metrics can be scraped, and made-up actions and paths add no series', async () => {
    const read = async (): Promise<string> => (await cluster.http().get('/metrics')).bytes.toString();
    const { client } = await cluster.user('operator');
    await client.action('no.such.action.0');
    await cluster.http().get('/no/such/path/0');
    const before = await read();
    expect(before).toMatch(/^# TYPE \w+ histogram$/m);
    for (let index = 1; index <= 20; index += 1) {
      const answer = await client.action(`no.such.action.${index}`);
      expect({ status: answer.status, code: answer.body.error_code }).toEqual({
        status: 400,
        code: 'VALIDATION_ERROR',
      });
      await cluster.http().get(`/no/such/path/${index}`);
    }
    const after = await read();
    expect(after).not.toContain('no.such.action');
    expect(after).not.toContain('/no/such/path');
    expect(series(after)).toBeLessThanOrEqual(series(before) + 20);
  });

  it('metrics tell of the installation as a whole, in every process', async () => {
    const { client } = await cluster.user('operator');
    const changed = async (action: string, paused: number): Promise<void> => {
      expect((await client.action(action, { queue: 'packager' })).status).toBe(200);
      for (const api of [0, 1]) {
        const read = async (): Promise<string> => (await cluster.http(api).get('/metrics')).bytes.toString();
        const text = await read();
        expect(text).toContain(`agentos_queue_paused{queue="packager"} ${paused}\n`);
        // A manager that has just started does not lead yet.
        await eventually(async () =>
          expect(await read()).toContain('agentos_manager_up{manager="dispatcher"} 1\n'),
        );
        const names = [...text.matchAll(/^# TYPE (\w+) /gm)].map(([, name]) => name);
        expect(new Set(names).size).toBe(names.length);
      }
    };
    await changed('queue.pause', 1);
    await changed('queue.resume', 0);
  });

  it('the pages for people are there', async () => {
    const docs = await cluster.http().get('/docs');
    expect([200, 301, 302, 308]).toContain(docs.status);
    const page = await cluster.http().get(docs.headers.get('location') ?? '/docs');
    expect(page.bytes.toString()).toContain('swagger');
  });
}

function series(text: string): number {
  return text.split('\n').filter((line) => line !== '' && !line.startsWith('#')).length;
}
