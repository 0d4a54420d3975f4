import { createServer, connect, type Server, type Socket } from 'node:net';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { SnapshotBuilder } from '../../src/ssot/snapshot-builder';
import type { SnapshotDto } from '../../src/ssot/snapshot.dto';
import { eventually } from '../support/eventually';
import { serverAddresses } from '../support/database';
import { RedisServer } from '../support/servers';
import { ReadsideTest, type Person, type ReadProcess } from './readside-support';

const PATH = '/api/admin/ssot';

/** A way to Postgres that can be cut without stopping it for the other tests. */
class CutableWay {
  private readonly sockets = new Set<Socket>();
  private cut = false;

  private constructor(private readonly server: Server) {}

  static async to(port: number): Promise<CutableWay> {
    const server = createServer((inner) => way.join(inner, port));
    const way = new CutableWay(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return way;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  set open(open: boolean) {
    this.cut = !open;
    if (this.cut) for (const socket of this.sockets) socket.destroy();
  }

  close(): void {
    this.open = false;
    this.server.close();
  }

  private join(inner: Socket, port: number): void {
    if (this.cut) return void inner.destroy();
    const outer = connect(port, '127.0.0.1');
    for (const [one, other] of [
      [inner, outer],
      [outer, inner],
    ] as const) {
      this.sockets.add(one);
      one.on('error', () => undefined);
      one.on('close', () => {
        this.sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}

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
  }, 60_000);

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
  }, 30_000);

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
  }, 20_000);
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
  }, 60_000);

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
  }, 30_000);
});
