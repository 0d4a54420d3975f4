import { connect, type Socket } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { Connection } from '../../src/gateway/connection';
import { Gateway } from '../../src/gateway/gateway';
import { gatewayCloses } from '../../src/gateway/gateway-metrics';
import { SignIn } from '../../src/gateway/sign-in';
import type { LiveFeed } from '../../src/platform/feed/live-feed';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { AccessTokens } from '../../src/user-api/auth/access-tokens';
import { AuthService } from '../../src/user-api/auth/auth.service';
import { eventually } from '../support/eventually';
import { clientFrame, RawSocket } from '../support/raw-socket';
import type { WsClient } from '../support/ws-client';
import { closeOf, GatewayTest } from './gateway-support';
import type { Person, ReadProcess, ReadsideTest } from './readside-support';

/** What asks Postgres about open sessions, where nobody has told. */
type Polling = { poll: () => Promise<void> };

/** The beginning of a text message, and then empty pieces of it. */
function manyPieces(count: number): Buffer[] {
  return [clientFrame(0x01, '{'), ...Array.from({ length: count }, () => clientFrame(0x00))];
}

describe('the gateway', () => {
  let gateway: GatewayTest;
  let test: ReadsideTest;
  let a: ReadProcess;
  let b: ReadProcess;
  let admin: Person;
  let feed: LiveFeed;

  beforeAll(async () => {
    gateway = await GatewayTest.start();
    ({ readside: test, a, b, admin, feed } = gateway);
  });

  afterEach(() => jest.restoreAllMocks());
  afterEach(() => gateway.endOfTest());

  afterAll(() => test.close());

  describe('handshake and sign-in', () => {
    it.each([
      ['https://evil.example', 'foreign'],
      ['https://console.example.com.evil.io', 'a longer name'],
      ['http://console.example.com', 'another scheme'],
      ['https://console.example.com:8443', 'another port'],
      ['null', 'opaque'],
    ])('refuses the origin %s (%s)', async (origin) => {
      await expect(gateway.opened(a.wsUrl, origin)).rejects.toThrow('403');
    });

    it('admits listed origins, its own, and clients that are no browsers', async () => {
      for (const origin of ['https://console.example.com', `http://localhost:${a.env.port}`, undefined])
        expect((await gateway.opened(a.wsUrl, origin)).closed).toBeUndefined();
    });

    it('takes no token in the address, and no other path', async () => {
      await expect(gateway.opened(`${a.wsUrl}/?token=${admin.token}`)).rejects.toThrow('400');
      await expect(gateway.opened(`${a.wsUrl}/admin`)).rejects.toThrow('404');
    });

    it('closes who does not sign in within 5 s, and who does something else first', async () => {
      const [hasty, liar] = [await gateway.opened(), await gateway.opened()];
      const began = performance.now();
      const silent = await gateway.opened();
      hasty.send({ type: 'subscribe', topic: 'ssot' });
      liar.send({ type: 'auth', token: 'x.y.z' });
      expect(await closeOf(hasty)).toBe(4401);
      expect(await closeOf(liar)).toBe(4401);
      expect(await closeOf(silent)).toBe(4401);
      // A timer may be a moment early by this clock.
      expect(performance.now() - began).toBeGreaterThan(4_990);
    });
  });

  it('sends away who cannot be checked, and only tells those who renew their token', async () => {
    const check = jest.spyOn(a.get(AuthService), 'authenticate');
    const [fresh, old] = [await gateway.opened(), await gateway.signedIn()];
    for (const client of [fresh, old]) {
      check.mockRejectedValueOnce(new Error('away'));
      client.send({ type: 'auth', token: admin.token });
      expect(await client.waitFor(({ type }) => type === 'error')).toMatchObject({
        code: 'SERVICE_UNAVAILABLE',
      });
    }
    expect(await closeOf(fresh)).toBe(1013);
    check.mockRestore();
    old.send({ type: 'auth', token: admin.token });
    await eventually(() => expect(old.frames.filter(({ type }) => type === 'ready')).toHaveLength(2));
  });

  describe('sessions', () => {
    it('ends with the session, as soon as somebody tells', async () => {
      for (const process of [a, b])
        jest.spyOn(process.get(SignIn) as unknown as Polling, 'poll').mockResolvedValue();
      const person = await test.person(a, 'operator');
      const [here, there, other] = [
        await gateway.signedIn(a, person),
        await gateway.signedIn(b, person),
        await gateway.signedIn(),
      ];
      const actor = await b.get(AuthService).authenticate(person.token);
      await b.get(AuthService).logout(actor);
      expect([await closeOf(here), await closeOf(there)]).toEqual([4401, 4401]);
      expect(other.closed).toBeUndefined();
    });

    it('ends with the session even if nobody tells', async () => {
      const person = await test.person(a, 'operator');
      const client = await gateway.signedIn(b, person);
      await test.database.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [person.sessionId]);
      expect(await closeOf(client)).toBe(4401);
    });

    it('closes who may not follow a topic any more', async () => {
      const person = await test.person(a, 'supervisor');
      const [follower, idle] = [await gateway.signedIn(a, person), await gateway.signedIn(b, person)];
      await follower.subscribe('queues');
      await test.database.query(`UPDATE users SET role = 'user' WHERE id = $1`, [person.id]);
      await a.get(MessageBus).publish('user.changed', { user_id: person.id });
      expect(await closeOf(follower)).toBe(4403);
      expect(idle.closed).toBeUndefined();
      idle.send({ type: 'subscribe', topic: 'queues' });
      expect(await idle.waitFor((frame) => frame.type === 'error')).toMatchObject({ code: 'FORBIDDEN' });
    });

    it('ends when its token expires', async () => {
      const long = await gateway.signedIn();
      const token = await a.get(AccessTokens).issue(admin.id, admin.sessionId, 6);
      const short = await gateway.signedIn(a, { ...admin, token });
      await short.subscribe('queues');
      expect(await closeOf(short)).toBe(4401);
      expect(long.closed).toBeUndefined();
    });

    it('renews the token in the open connection, for the same person only', async () => {
      const client = await gateway.signedIn();
      client.send({ type: 'auth', token: admin.token });
      await eventually(() => expect(client.frames.filter((frame) => frame.type === 'ready')).toHaveLength(2));
      const stranger = await test.person(a, 'operator');
      client.send({ type: 'auth', token: stranger.token });
      expect(await closeOf(client)).toBe(4401);
    });
  });

  describe('topics', () => {
    it('shows users their own jobs and nothing else', async () => {
      const [owner, stranger] = [await test.person(a, 'user'), await test.person(a, 'user')];
      const topic = await gateway.addJob(owner.id);
      const client = await gateway.signedIn(a, owner);
      await client.subscribe(topic);
      const other = await gateway.signedIn(a, stranger);
      for (const [name, code] of [
        [topic, 'JOB_NOT_FOUND'],
        [`job:${uuidv7()}`, 'JOB_NOT_FOUND'],
        ['job:*', 'JOB_NOT_FOUND'],
        ['ssot', 'FORBIDDEN'],
        ['jobs', 'FORBIDDEN'],
        ['executions', 'FORBIDDEN'],
        ['*', 'UNKNOWN_TOPIC'],
        ['../ssot', 'UNKNOWN_TOPIC'],
        ['constructor', 'UNKNOWN_TOPIC'],
        ['x'.repeat(10_000), 'VALIDATION_ERROR'],
      ]) {
        const from = other.frames.length;
        other.send({ type: 'subscribe', topic: name, since: { offset: 0, epoch: 'x' } });
        const answer = await other.waitFor((frame, index) => index >= from && frame.type === 'error');
        expect([name?.slice(0, 40), answer.code]).toEqual([name?.slice(0, 40), code]);
      }
      await gateway.publish(topic, 1, 1);
      await eventually(() => expect(client.events(topic)).toHaveLength(1));
      expect(other.events(topic)).toHaveLength(0);
    });

    it('tells alerts to those who can do something about them, and not to who only looks', async () => {
      const readonly = await gateway.signedIn(a, await test.person(a, 'readonly'));
      readonly.send({ type: 'subscribe', topic: 'alerts', since: { offset: 0, epoch: 'x' } });
      expect(await readonly.waitFor((frame) => frame.type === 'error')).toMatchObject({ code: 'FORBIDDEN' });
      const supervisor = await gateway.signedIn(a, await test.person(a, 'supervisor'));
      expect(await supervisor.subscribe('alerts')).toMatchObject({ topic: 'alerts' });
    });

    it('lets every role of the admin side follow the read model', async () => {
      for (const role of ['admin', 'operator', 'supervisor', 'readonly'] as const) {
        const client = await gateway.signedIn(b, await test.person(a, role));
        expect(await client.subscribe('ssot')).toMatchObject({ topic: 'ssot', recovered: false });
      }
    });

    it('delivers to all followers on all processes, numbered from one to the next', async () => {
      const followers = [await gateway.signedIn(a), await gateway.signedIn(b), await gateway.signedIn(b)];
      const starts = await Promise.all(followers.map((one) => one.subscribe('queues')));
      await gateway.publish('queues', 1, 20);
      for (const [index, follower] of followers.entries()) {
        await eventually(() => expect(follower.events('queues')).toHaveLength(20));
        const first = (starts[index]?.offset ?? 0) + 1;
        expect(follower.events('queues').map((event) => event.offset)).toEqual(
          Array.from({ length: 20 }, (_, n) => first + n),
        );
      }
    });

    it('stops delivering after unsubscribe', async () => {
      const client = await gateway.signedIn();
      await client.subscribe('executions');
      client.send({ type: 'unsubscribe', topic: 'executions' });
      await client.waitFor((frame) => frame.type === 'unsubscribed');
      const witness = await gateway.signedIn();
      await witness.subscribe('executions');
      await gateway.publish('executions', 1, 1);
      await eventually(() => expect(witness.events('executions')).toHaveLength(1));
      expect(client.events('executions')).toHaveLength(0);
    });
  });

  describe('compression', () => {
    it('gives those who compress the same text, in fewer bytes', async () => {
      const topic = await gateway.addJob();
      const [plain, small] = [
        await gateway.signedIn(),
        await gateway.signedIn(a, admin, { perMessageDeflate: true }),
      ];
      for (const client of [plain, small]) await client.subscribe(topic);
      const bytesOf = (client: WsClient): number =>
        (client['socket'] as unknown as { _socket: Socket })._socket.bytesRead;
      const before = [plain, small].map(bytesOf);
      const texts = Array.from({ length: 20 }, (_, n) => `é${n}`.repeat(20 * n * n));
      for (const text of texts) await feed.publish(topic, { kind: 'progress', text });
      for (const client of [plain, small]) {
        await eventually(() => expect(client.events(topic)).toHaveLength(texts.length));
        expect(client.events(topic).map(({ data }) => data?.['text'])).toEqual(texts);
      }
      const [all = 0, some = 0] = [plain, small].map((client, n) => bytesOf(client) - (before[n] ?? 0));
      expect(some).toBeLessThan(all / 2);
    });

    it('declines an offer that asks for a window smaller than that of the frame for all', async () => {
      const offer = { perMessageDeflate: { serverMaxWindowBits: 9 } };
      expect((await gateway.signedIn(a, admin, offer))['socket'].extensions).toBe('');
    });

    it('closes with 1007 for what is not deflated', async () => {
      const client = await gateway.signedIn(a, admin, { perMessageDeflate: true });
      const { _socket } = client['socket'] as unknown as { _socket: Socket };
      _socket.write(clientFrame(0xc1, 'this is not deflated'));
      expect(await closeOf(client)).toBe(1007);
    });
  });

  describe('bad clients', () => {
    it.each([
      ['over 64 KB', 70_000, false],
      ['that is inflated to more than that', 20_000_000, true],
    ])('closes a message %s with 1009', async (_what, length, perMessageDeflate) => {
      const client = await gateway.signedIn(a, admin, { perMessageDeflate });
      client.send({ type: 'auth', token: 'x'.repeat(length) });
      expect(await closeOf(client)).toBe(1009);
    });

    it('bears malformed frames a while, then closes with 1008', async () => {
      const client = await gateway.signedIn();
      const socket = client['socket'];
      const bad = ['{', '[]', '"x"', '{"type":"shout"}', '{"type":"ping","type":"ping"}', '{"__proto__":{}}'];
      for (const text of bad) socket.send(text);
      socket.send(Buffer.from([1, 2, 3]));
      await eventually(() => expect(client.frames.filter((frame) => frame.type === 'error')).toHaveLength(7));
      expect(client.closed).toBeUndefined();
      for (let i = 0; i < 3; i++) socket.send('{');
      expect(await closeOf(client)).toBe(1008);
    });

    it('throttles a flood, then closes with 1008', async () => {
      const client = await gateway.signedIn();
      for (let i = 0; i < 1_000; i++) client.send({ type: 'ping' });
      expect(await closeOf(client)).toBe(1008);
      expect(client.frames.filter((frame) => frame.type === 'pong').length).toBeLessThan(400);
      expect(client.frames.some((frame) => frame.code === 'RATE_LIMITED')).toBe(true);
    });

    it('follows no more than 200 topics for one connection', async () => {
      const client = await gateway.signedIn();
      const topics = await Promise.all(Array.from({ length: 201 }, () => gateway.addJob()));
      // All at once, as who comes back does: the message limit has to bear it.
      for (const topic of topics) client.send({ type: 'subscribe', topic });
      const refused = await client.waitFor((frame) => frame.type === 'error');
      expect(refused).toMatchObject({ code: 'TOPIC_LIMIT', topic: topics.at(-1) });
      expect(client.frames.filter((frame) => frame.type === 'subscribed')).toHaveLength(200);
    });

    it('cuts off who does not read, at 1 MB, and nobody else notices', async () => {
      const topic = await gateway.addJob();
      const [lazy, busy] = [await gateway.signedIn(), await gateway.signedIn()];
      await lazy.subscribe(topic);
      await busy.subscribe(topic);
      const ends = [...a.get(Gateway)['connections']].filter((one) => one.subscriptions.has(topic));
      const waiting = () => Math.max(...ends.map((one) => one['socket'].writableLength));
      const tooSlow = async () =>
        (await gatewayCloses.get()).values.find(({ labels }) => labels.code === '3008')?.value ?? 0;
      const before = await tooSlow();
      lazy['socket'].pause();
      const text = 'x'.repeat(200_000);
      const count = 100;
      let most = 0;
      for (let n = 1; n <= count; n++) {
        await feed.publish(topic, { kind: 'progress', n, text });
        most = Math.max(most, waiting());
      }
      await eventually(() => expect(busy.events(topic)).toHaveLength(count), { timeoutMs: 60_000 });
      lazy['socket'].resume();
      await eventually(() => expect(lazy.closed).toBeDefined());
      expect(lazy.events(topic).length).toBeLessThan(count);
      expect(await tooSlow()).toBe(before + 1);
      expect(most).toBeGreaterThan(text.length);
      expect(most).toBeLessThan(1024 * 1024 + text.length);
      expect(busy.closed).toBeUndefined();
    });

    it.each<[number, string, Buffer]>([
      [1002, 'frames that are not masked', Buffer.from([0x81, 2, 0x7b, 0x7d])],
      [1002, 'an opcode that is reserved', clientFrame(0x83)],
      [1002, 'a reserved bit', clientFrame(0xc1, '{}')],
      [1002, 'a ping in pieces', clientFrame(0x09)],
      [1007, 'text that is not UTF-8', clientFrame(0x81, Buffer.from([0xc3, 0x28]))],
      [1008, 'a message of more pieces than anybody needs', Buffer.concat(manyPieces(5_000))],
      [1008, 'pings without end', Buffer.concat(Array.from({ length: 1_000 }, () => clientFrame(0x89)))],
    ])('closes with %d for %s', async (code, _what, bytes) => {
      const witness = await gateway.signedIn();
      const { raw } = await RawSocket.open(a.env.wsPort);
      raw.send(bytes);
      expect(await raw.closeCode()).toBe(code);
      witness.send({ type: 'ping' });
      await witness.waitFor(({ type }) => type === 'pong');
    });

    it('cuts off who answers no ping', async () => {
      const witness = await gateway.signedIn();
      const { raw } = await RawSocket.open(a.env.wsPort);
      raw.send(clientFrame(0x81, JSON.stringify({ type: 'ping' })).subarray(0, 3));
      a.get(Gateway).pingAll();
      // What the witness answers by itself comes after the ping, and is heard before its own pong.
      witness.send({ type: 'ping' });
      await witness.waitFor(({ type }) => type === 'pong');
      a.get(Gateway).pingAll();
      await raw.ended;
      expect(witness.closed).toBeUndefined();
    });

    it('opens no more than 1,000 connections of an address that have not signed in', async () => {
      // Opening them takes seconds on a busy machine: none may have gone by then because it has not signed in.
      const stays = jest.spyOn(Connection.prototype, 'setDeadline').mockReturnValue();
      const opened = await Promise.all(Array.from({ length: 1_001 }, () => RawSocket.open(a.env.wsPort)));
      stays.mockRestore();
      expect(opened.filter(({ status }) => status === 429)).toHaveLength(1);
      // Those who have signed in do not count.
      const other = await gateway.signedIn(b);
      expect(other.closed).toBeUndefined();
      for (const { raw } of opened) raw.destroy();
      await Promise.all(opened.map(({ raw }) => raw.ended));
    });

    it('does nothing but read, whatever it is told', async () => {
      const client = await gateway.signedIn();
      const order = { action: 'queue.pause', payload: { queue: 'packager' } };
      client.send({ type: 'action', ...order });
      client.send({ type: 'event', topic: 'queues', offset: 1, data: order });
      client.send(order);
      await eventually(() => expect(client.frames.filter(({ type }) => type === 'error')).toHaveLength(3));
      const counts = await test.database.query<{ n: number }>(
        `SELECT (SELECT count(*) FROM executions) + (SELECT count(*) FROM audit_entries)
           + (SELECT count(*) FROM queues WHERE paused) AS n`,
      );
      expect(Number(counts[0]?.n)).toBe(0);
    });

    it('answers plain HTTP with 426', async () => {
      const response = await fetch(a.wsUrl.replace('ws:', 'http:'));
      expect(response.status).toBe(426);
    });

    it('gives up on a handshake that does not come to its end', async () => {
      const socket = connect(a.env.wsPort, '127.0.0.1');
      socket.write('GET / HTTP/1.1\r\nHost: x\r\nUpgrade: web');
      const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
      socket.on('error', () => undefined);
      socket.resume();
      await closed;
    });
  });
});
