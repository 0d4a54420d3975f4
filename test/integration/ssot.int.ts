import { Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { SnapshotBuilds } from '../../src/ssot/snapshot-builds';
import { SnapshotBuilder } from '../../src/ssot/snapshot-builder';
import type { SnapshotDto } from '../../src/ssot/snapshot.dto';
import { SsotModule } from '../../src/ssot/ssot.module';
import { HttpClient } from '../support/http-client';
import { eventually } from '../support/eventually';
import { ReadsideTest, type Person, type ReadProcess } from './readside-support';

const PATH = '/api/admin/ssot';

describe('the read model', () => {
  let test: ReadsideTest;
  let a: ReadProcess;
  let b: ReadProcess;
  let admin: Person;
  let owner: string;

  beforeAll(async () => {
    test = await ReadsideTest.start();
    [a, b] = [await test.api(), await test.api()];
    admin = await test.person(a);
    owner = admin.id;
    for (const status of ['processing', 'queued', 'queued', 'completed', 'failed']) await addJob(status);
  });

  afterAll(() => test.close());

  async function addJob(status: string): Promise<string> {
    const id = uuidv7();
    await test.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version, finished_at)
       VALUES ($1, $2, 'A holiday', $3, 1, CASE WHEN $3 IN ('completed', 'failed') THEN now() END)`,
      [id, owner, status],
    );
    return id;
  }

  const key = () => `${test.redis.prefix}:admin:dashboard:v4`;
  const read = (process: ReadProcess, headers = {}) =>
    admin.client(process).get<SnapshotDto>(PATH, { 'accept-encoding': 'identity', ...headers });
  const invalidate = (process: ReadProcess) =>
    process.get(MessageBus).publish('ssot.invalidate', { reason: 'test' });

  /** What a document says, without what only time changes. */
  function content(document: SnapshotDto): Partial<SnapshotDto> {
    const text = JSON.stringify(document, (name, value: unknown) =>
      ['version', 'as_of', 'used_memory_bytes', 'clients', 'connections', 'free_bytes'].includes(name)
        ? undefined
        : value,
    );
    return JSON.parse(text) as Partial<SnapshotDto>;
  }

  it('has every section, from real numbers', async () => {
    const { data, headers } = await read(a);
    expect(data.dashboard?.jobs).toEqual({
      active: 3,
      processing: 1,
      queued: 2,
      completed_24h: 1,
      failed_24h: 1,
      cancelled_24h: 0,
    });
    expect(data.agents_workers?.totals.agents).toBeGreaterThan(0);
    expect(data.agents).toEqual(data.agents_workers);
    expect(Object.entries(data.sections).filter(([, meta]) => meta.stale)).toEqual([]);
    expect(headers.get('cache-control')).toBe('private, no-cache');
    expect(headers.get('vary')).toMatch(/Authorization, Accept-Encoding/);
    expect(headers.get('server-timing')).toMatch(/total;dur=/);
  });

  it('is the same from the warmer and from a miss', async () => {
    const manager = await test.context([SsotModule]);
    await test.redis.client.del(key());
    await manager
      .get(SnapshotBuilds)
      .buildForAll(() => Promise.resolve({ needed: true, previous: undefined }));
    const warm = JSON.parse((await test.redis.client.get(key())) ?? '') as SnapshotDto;
    await invalidate(a);
    const cold = (await read(b)).data;
    expect(cold.version).toBeGreaterThan(warm.version);
    expect(content(cold)).toEqual(content(warm));
    await test.stop(manager);
  });

  it('shows an action at the next read, on every process', async () => {
    await Promise.all([read(a), read(b)]);
    for (const [acting, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const before = (await read(other)).data.dashboard?.jobs.queued ?? 0;
      await addJob('queued');
      await invalidate(acting);
      expect((await read(other)).data.dashboard?.jobs.queued).toBe(before + 1);
      expect((await read(acting)).data.dashboard?.jobs.queued).toBe(before + 1);
    }
  });

  it('shows an action at the next read however fast others come', async () => {
    let over = false;
    const others = (async () => {
      while (!over) await invalidate(b);
    })();
    try {
      for (let round = 0; round < 8; round++) {
        const acting = round % 2 ? a : b;
        const [before] = await test.database.query<{ count: number }>(
          `SELECT count(*)::int FROM jobs WHERE status = 'queued'`,
        );
        await addJob('queued');
        await invalidate(acting);
        const answers = await Promise.all([read(a), read(b)]);
        for (const { data, headers } of answers) {
          expect(data.dashboard?.jobs.queued).toBe((before?.count ?? 0) + 1);
          // Who has waited in vain gets the last one, as stale.
          expect(headers.get('x-cache')).not.toBe('stale');
        }
      }
    } finally {
      over = true;
      await others;
    }
  }, 60_000);

  it('serves the last snapshot where building fails, tells why, and builds for the next reader', async () => {
    const before = (await read(a)).data;
    const built = jest.spyOn(a.get(SnapshotBuilder), 'build').mockRejectedValueOnce(new Error('a fault'));
    const told = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    await invalidate(a);
    const answers = await Promise.all([read(a), read(a)]);
    for (const { status, headers, data } of answers)
      expect([status, headers.get('x-cache'), data.version]).toEqual([200, 'stale', before.version]);
    expect(built).toHaveBeenCalledTimes(1);
    expect(told.mock.calls).toEqual([[expect.stringContaining('a fault'), expect.anything()]]);
    expect((await read(a)).headers.get('x-cache')).toBe('miss');
    built.mockRestore();
    told.mockRestore();
  });

  it('is built once for 200 readers at once on two processes', async () => {
    const builders = [a, b].map((process) => jest.spyOn(process.get(SnapshotBuilder), 'build'));
    await test.redis.client.del(key());
    await invalidate(a);
    expect(await test.redis.client.get(a.get(MessageBus).invalidatedKey)).not.toBeNull();
    builders.forEach((spy) => spy.mockClear());
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => read(i % 2 ? a : b)));
    expect(new Set(answers.map((answer) => answer.status))).toEqual(new Set([200]));
    expect(new Set(answers.map((answer) => answer.data.version)).size).toBe(1);
    expect(builders.reduce((sum, spy) => sum + spy.mock.calls.length, 0)).toBe(1);
    builders.forEach((spy) => spy.mockRestore());
  });

  it('answers hits without asking Redis', async () => {
    await read(a);
    const commands = jest.spyOn(a.get(MessageBus)['redis'].client, 'sendCommand');
    for (let i = 0; i < 20; i++) expect((await read(a)).headers.get('x-cache')).toBe('hit');
    // Circuits are kept up with all the time, whoever reads.
    const asked = commands.mock.calls.filter(
      ([{ args }]) => !args.some((arg) => /:circuit/.test(String(arg))),
    );
    expect(asked).toEqual([]);
    commands.mockRestore();
  });

  it('verifies the signature of a token once', async () => {
    const person = await test.person(a, 'readonly');
    const verified = jest.spyOn(crypto.subtle, 'verify');
    for (let i = 0; i < 10; i += 1) expect((await person.client(a).get(PATH)).status).toBe(200);
    expect(verified).toHaveBeenCalledTimes(1);
    verified.mockRestore();
  });

  it('has one ETag for equal content on all processes, and answers 304 to who has it', async () => {
    await invalidate(a);
    const [one, two] = [await read(a), await read(b)];
    const tag = one.headers.get('etag') ?? '';
    expect(tag).toMatch(/^"[\w-]+"$/);
    expect(two.headers.get('etag')).toBe(tag);
    for (const value of [tag, `W/${tag}`, `"other", ${tag}`, '*']) {
      const answer = await read(b, { 'if-none-match': value });
      expect([answer.status, answer.bytes.length, answer.headers.get('etag')]).toEqual([304, 0, tag]);
    }
    await invalidate(a);
    const again = await read(a);
    expect(again.data.version).toBeGreaterThan(one.data.version);
    expect(again.headers.get('etag')).toBe(tag);
    await addJob('queued');
    await invalidate(a);
    expect((await read(b, { 'if-none-match': tag })).status).toBe(200);
  });

  it('has the same content in every encoding, each with its own ETag', async () => {
    await read(a);
    await eventually(async () => {
      const answers = await Promise.all(
        ['identity', 'gzip', 'br'].map((one) => read(a, { 'accept-encoding': one })),
      );
      expect(answers.map((answer) => answer.headers.get('content-encoding'))).toEqual([null, 'gzip', 'br']);
      expect(new Set(answers.map((answer) => answer.headers.get('etag'))).size).toBe(3);
      expect(new Set(answers.map((answer) => JSON.stringify(answer.data))).size).toBe(1);
    });
  });

  it.each([
    ['not JSON', 'rubbish'],
    ['cut off', '{"version":1,"as_of":"2026-01-01T00:00:00.000Z","sections":{'],
    ['another shape', '{"version":1,"as_of":"2026-01-01T00:00:00.000Z","sections":{}}'],
    ['from the future', '{"version":9007199254740991,"as_of":"2026-01-01T00:00:00.000Z","sections":{}}'],
    ['of an older form', 'older'],
    ['far too large', 'x'.repeat(50_000_000)],
  ])('takes a cached value that is %s for a miss', async (_name, text) => {
    const { data: now } = await read(a);
    const older = JSON.stringify({ ...now, version: now.version + 1, format: now.format - 1 });
    await test.redis.client.set(key(), text === 'older' ? older : text);
    await invalidate(a);
    const answer = await read(a);
    expect(answer.headers.get('x-cache')).toBe('miss');
    expect(answer.data.dashboard?.jobs.processing).toBe(1);
    expect((await test.redis.client.get(key()))?.length).toBeLessThan(1_000_000);
  });

  it('takes a value of another type for a miss', async () => {
    await test.redis.client.del(key());
    await test.redis.client.lpush(key(), 'x');
    await invalidate(a);
    expect((await read(a)).headers.get('x-cache')).toBe('miss');
  });

  it('goes on when a builder dies with the lock', async () => {
    await test.redis.client.set(`${key()}:lock`, 'somebody else', 'PX', 1_500);
    await invalidate(a);
    const { status, headers } = await read(a);
    expect([status, headers.get('x-cache')]).toEqual([200, 'miss']);
  });

  it('serves a section that fails from the last snapshot, marked, and recovers', async () => {
    const before = (await read(a)).data;
    await test.database.query('ALTER TABLE system_events RENAME TO hidden');
    try {
      await invalidate(a);
      const answer = await read(a);
      expect(answer.headers.get('x-cache')).toBe('stale');
      expect(answer.data.stale).toBe(true);
      expect(answer.data.sections['logs']).toMatchObject({
        stale: true,
        as_of: before.sections['logs']?.as_of,
      });
      expect(answer.data.logs).toEqual(before.logs);
      expect(answer.data.sections['dashboard']?.stale).toBe(false);
    } finally {
      await test.database.query('ALTER TABLE hidden RENAME TO system_events');
    }
    await eventually(async () => expect((await read(a)).data.stale).toBe(false));
  });

  it.each(['', '/dashboard', '/health', '?sections=queue'])(
    '%s answers readers of the admin side only',
    async (path) => {
      const anonymous = new HttpClient(a.url);
      expect((await anonymous.get(PATH + path)).status).toBe(401);
      expect((await anonymous.get(PATH + path, { 'if-none-match': '*' })).status).toBe(401);
      const user = await test.person(a, 'user');
      expect((await user.client(a).get(PATH + path, { 'if-none-match': '*' })).status).toBe(403);
      for (const role of ['operator', 'supervisor', 'readonly'] as const) {
        const reader = await test.person(a, role);
        expect((await reader.client(a).get(PATH + path)).status).toBe(200);
      }
    },
  );

  it('gives HEAD the headers of GET', async () => {
    for (const query of ['', '/dashboard', '?sections=queue']) {
      const headers = { 'accept-encoding': 'identity' };
      const get = await admin.client(a).get(PATH + query, headers);
      const head = await admin.client(a).call('HEAD', PATH + query, { headers });
      expect([head.status, head.bytes.length]).toEqual([200, 0]);
      for (const name of ['etag', 'content-length', 'content-type', 'cache-control', 'vary'])
        expect([name, head.headers.get(name)]).toEqual([name, get.headers.get(name)]);
    }
  });

  it('stops hits at the limit, naming it', async () => {
    const reader = await test.person(a, 'readonly');
    const one = await reader.client(a).get(PATH);
    expect(one.headers.get('ratelimit')).toMatch(/^"admin-read";r=\d+;t=\d+$/);
  });

  it('tells how fresh it is', async () => {
    await invalidate(b);
    const { data } = await admin
      .client(b)
      .get<{ status: string; connected: boolean; sections: object }>(`${PATH}/health`);
    expect(data).toMatchObject({ status: 'fresh', source: 'cache', connected: true });
    expect(Object.keys(data.sections)).toHaveLength(8);
  });

  it('does not call fresh what could not be built anew', async () => {
    const built = jest.spyOn(b.get(SnapshotBuilder), 'build').mockRejectedValue(new Error('a fault'));
    const told = jest.spyOn(Logger.prototype, 'error').mockReturnValue();
    await invalidate(b);
    const { data, headers } = await admin.client(b).get<{ status: string }>(`${PATH}/health`);
    expect([data.status, headers.get('x-cache')]).toEqual(['stale', 'stale']);
    built.mockRestore();
    told.mockRestore();
  });
});
