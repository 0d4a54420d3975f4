import { MessageBus } from '../../src/platform/messages/message-bus';
import { SnapshotBuilder } from '../../src/ssot/snapshot-builder';
import type { SnapshotDto } from '../../src/ssot/snapshot.dto';
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
    const until = Date.now() + 2_500;
    let answered = 0;
    while (Date.now() < until) {
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
    expect(answered).toBeGreaterThan(100);
    expect(builds.mock.calls.length).toBeLessThanOrEqual(4);
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
      { timeoutMs: 10_000 },
    );
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
    // Who asks is known for a second without Postgres; after that nobody can be let in.
    const answer = await read();
    expect(answer.status).toBe(200);
    expect(answer.headers.get('x-cache')).toBe('stale');
    expect(answer.data.dashboard).toEqual(before.dashboard);
    expect(answer.data.sections['dashboard']).toMatchObject({
      stale: true,
      as_of: before.sections['dashboard']?.as_of,
    });
    way.open = true;
    await eventually(async () => expect((await read()).data.stale).toBe(false), { timeoutMs: 10_000 });
  });
});
