import { rmSync } from 'node:fs';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { RedisService } from '../../src/platform/redis/redis.service';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { SnapshotBuilder } from '../../src/ssot/snapshot-builder';
import type { SnapshotDto } from '../../src/ssot/snapshot.dto';
import { SessionTruth } from '../../src/user-api/auth/session-truth';
import { CutableWay } from '../support/cutable-way';
import { eventually } from '../support/eventually';
import { serverAddresses } from '../support/database';
import { RedisServer } from '../support/servers';
import { ReadsideTest, type Person, type ReadProcess } from './readside-support';

const PATH = '/api/admin/ssot';

describe('the read model without Redis', () => {
  let test: ReadsideTest;
  let redis: RedisServer;
  let api: ReadProcess;
  let admin: Person;

  beforeAll(async () => {
    redis = await RedisServer.create();
    test = await ReadsideTest.start({ REDIS_URL: redis.url });
    api = await test.api();
    admin = await test.person(api);
  });

  afterAll(async () => {
    await test?.close();
    await redis?.destroy();
  });

  const read = () => admin.client(api).get<SnapshotDto>(PATH);

  it('is built directly, at most once a second however many ask, and marked', async () => {
    expect((await read()).data.stale).toBe(false);
    await redis.stop();
    await eventually(() => expect(api.get(MessageBus).session).toBeUndefined());
    const builds = jest.spyOn(api.get(SnapshotBuilder), 'build');
    const began = performance.now();
    let answered = 0;
    while (performance.now() - began < 2_500 || answered <= 100) {
      const answers = await Promise.all(Array.from({ length: 20 }, read));
      answered += answers.length;
      for (const answer of answers) {
        expect(answer.status).toBe(200);
        expect(answer.data.system?.redis).toBeNull();
        expect(answer.data.sections['agents_workers']?.stale).toBe(true);
        expect(answer.data.sections['queue']?.stale).toBe(false);
        expect(answer.headers.get('x-cache')).toBe('stale');
      }
    }
    expect(builds.mock.calls.length).toBeLessThanOrEqual((performance.now() - began) / 1_000 + 2);
    builds.mockRestore();
  });

  it('is shared again when Redis is back', async () => {
    await redis.start();
    await eventually(
      async () => {
        const { data, headers } = await read();
        expect(headers.get('x-cache')).toBe('hit');
        expect(data.stale).toBe(false);
      },
      { timeoutMs: 30_000 },
    );
  });
});

describe('the read model beside a Redis that takes nothing in', () => {
  let test: ReadsideTest;
  let redis: RedisServer;

  beforeAll(async () => {
    redis = await RedisServer.create();
    test = await ReadsideTest.start({ REDIS_URL: redis.url });
  });

  afterAll(async () => {
    await test?.close();
    await redis?.destroy();
  });

  it('is built directly', async () => {
    const api = await test.api();
    const admin = await test.person(api);
    const { client } = api.get(RedisService);
    // As on a disk that is full: the snapshot of its data cannot be written.
    const [, folder = ''] = (await client.config('GET', 'dir')) as string[];
    await client.config('SET', 'save', '3600 1', 'stop-writes-on-bgsave-error', 'yes');
    rmSync(folder, { recursive: true });
    await client.bgsave();
    await eventually(() => expect(client.set('key', 'value')).rejects.toThrow('MISCONF'));
    const { status, data } = await admin.client(api).get<SnapshotDto>(PATH);
    expect(status).toBe(200);
    expect(data.stale).toBe(false);
  });

  it('is told of changes all the same, by whatever process', async () => {
    const other = await test.api();
    const heard = jest.fn();
    const end = other.get(MessageBus).on('ssot.invalidate', heard);
    await eventually(() => expect(other.get(MessageBus).session).toBeDefined());
    await test.api().then((api) => api.get(MessageBus).publish('ssot.invalidate', { reason: 'test' }));
    await eventually(() => expect(heard).toHaveBeenCalled());
    end();
  });
});

describe('the read model without Postgres', () => {
  let test: ReadsideTest;
  let way: CutableWay;
  let api: ReadProcess;
  let admin: Person;

  beforeAll(async () => {
    way = await CutableWay.to(Number(new URL(serverAddresses().appUrl).port));
    test = await ReadsideTest.start();
    const through = new URL(test.database.url);
    through.port = String(way.port);
    test.use({ DATABASE_URL: through.href });
    api = await test.api();
    admin = await test.person(api);
  });

  afterAll(async () => {
    way?.close();
    await test?.close();
  });

  it('is the last snapshot, marked stale, with its age', async () => {
    const read = () => admin.client(api).get<SnapshotDto>(PATH);
    const before = (await read()).data;
    way.open = false;
    await api.get(MessageBus).publish('ssot.invalidate', { reason: 'test' });
    const answer = await read();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-cache')).toBe('stale');
    expect(answer.data.dashboard).toEqual(before.dashboard);
    expect(answer.data.sections['dashboard']).toMatchObject({
      stale: true,
      as_of: before.sections['dashboard']?.as_of,
    });
    way.open = true;
    await eventually(async () => expect((await read()).data.stale).toBe(false), { timeoutMs: 30_000 });
  });

  it('is answered to who was known when Postgres went, up to the limit, and not to who has been put out since', async () => {
    const others = [await test.person(api), await test.person(api, 'readonly')] as const;
    const path = `${PATH}/dashboard`;
    const status = async (person: Person) => (await person.client(api).get(path)).status;
    const all = [admin, ...others];
    for (const person of all) expect(await status(person)).toBe(200);
    const truth = api.get(SessionTruth);
    const bus = api.get(MessageBus);
    way.open = false;
    // Longer ago than what counts otherwise.
    await eventually(() => {
      for (const { sessionId, id } of all) expect(truth.known(sessionId, id)).toBeUndefined();
    });
    for (const person of all) for (let n = 0; n < 2; n++) expect(await status(person)).toBe(200);
    // Nothing but the read model.
    expect((await admin.client(api).get(`${PATH}/health`)).status).toBe(503);
    await bus.publish('session.revoked', { session_id: others[0].sessionId });
    await bus.publish('user.changed', { user_id: others[1].id });
    expect(await Promise.all(all.map(status))).toEqual([200, 503, 503]);
    const settings = api.get(RuntimeSettings);
    const current = settings.current();
    const limited = jest
      .spyOn(settings, 'current')
      .mockReturnValue({ ...current, read_model: { ...current.read_model, max_stale_s: 1 } });
    await eventually(async () => expect(await status(admin)).toBe(503));
    limited.mockRestore();
    expect(await status(admin)).toBe(200);
    // What was said while nobody listened cannot be known.
    const session = jest.spyOn(bus, 'session', 'get').mockReturnValue((bus.session ?? 0) + 1);
    expect(await status(admin)).toBe(503);
    session.mockRestore();
    way.open = true;
    await eventually(async () => expect(await Promise.all(all.map(status))).toEqual([200, 200, 200]), {
      timeoutMs: 30_000,
    });
  });
});
