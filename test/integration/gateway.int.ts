import { connect } from 'node:net';
import { v7 as uuidv7 } from 'uuid';
import { WebSocket } from 'ws';
import { nodeGatewayClient } from '../../src/gateway/client/node-client';
import type { Position } from '../../src/gateway/protocol';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { AuthService } from '../../src/user-api/auth/auth.service';
import { eventually } from '../support/eventually';
import { WsClient } from '../support/ws-client';
import { ReadsideTest, type Person, type ReadProcess } from './readside-support';

describe('the gateway', () => {
  let test: ReadsideTest;
  let a: ReadProcess;
  let b: ReadProcess;
  let admin: Person;
  let feed: LiveFeed;
  const clients: WsClient[] = [];

  beforeAll(async () => {
    test = await ReadsideTest.start({ WS_ORIGINS: 'https://console.example.com' });
    [a, b] = [await test.api(), await test.api()];
    admin = await test.person(a);
    feed = a.get(LiveFeed);
  });

  afterEach(async () => {
    await Promise.all(clients.splice(0).map((client) => client.close()));
  });

  afterAll(() => test.close());

  async function signedIn(process: ReadProcess = a, person: Person = admin): Promise<WsClient> {
    const client = await WsClient.connect(process.wsUrl, person.token);
    clients.push(client);
    return client;
  }

  async function opened(url = a.wsUrl, origin?: string): Promise<WsClient> {
    const client = await WsClient.open(url, origin === undefined ? {} : { origin });
    clients.push(client);
    return client;
  }

  const closeOf = (client: WsClient) =>
    eventually(() => {
      if (!client.closed) throw new Error('still open');
      return client.closed.code;
    });

  async function addJob(owner: string): Promise<string> {
    const id = uuidv7();
    await test.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version) VALUES ($1, $2, 'A holiday', 'queued', 1)`,
      [id, owner],
    );
    return `job:${id}`;
  }

  async function publish(topic: string, from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n++) await feed.publish(topic, { n });
  }

  describe('handshake and sign-in', () => {
    it.each([
      ['https://evil.example', 'foreign'],
      ['https://console.example.com.evil.io', 'a longer name'],
      ['http://console.example.com', 'another scheme'],
      ['https://console.example.com:8443', 'another port'],
      ['null', 'opaque'],
    ])('refuses the origin %s (%s)', async (origin) => {
      await expect(opened(a.wsUrl, origin)).rejects.toThrow('403');
    });

    it('admits listed origins, its own, and clients that are no browsers', async () => {
      for (const origin of ['https://console.example.com', `http://localhost:${a.env.port}`, undefined])
        expect((await opened(a.wsUrl, origin)).closed).toBeUndefined();
    });

    it('takes no token in the address, and no other path', async () => {
      await expect(opened(`${a.wsUrl}/?token=${admin.token}`)).rejects.toThrow('400');
      await expect(opened(`${a.wsUrl}/admin`)).rejects.toThrow('404');
    });

    it('closes who does not sign in within 5 s, and who does something else first', async () => {
      const [silent, hasty, liar] = [await opened(), await opened(), await opened()];
      hasty.send({ type: 'subscribe', topic: 'ssot' });
      liar.send({ type: 'auth', token: 'x.y.z' });
      expect(await closeOf(hasty)).toBe(4401);
      expect(await closeOf(liar)).toBe(4401);
      expect(silent.closed).toBeUndefined();
      await eventually(() => expect(silent.closed?.code).toBe(4401), { timeoutMs: 7_000 });
    });
  });

  describe('sessions', () => {
    it('ends with the session, within a second', async () => {
      const person = await test.person(a, 'operator');
      const [here, there, other] = [await signedIn(a, person), await signedIn(b, person), await signedIn()];
      const actor = await b.get(AuthService).authenticate(person.token);
      await b.get(AuthService).logout(actor);
      const started = Date.now();
      expect([await closeOf(here), await closeOf(there)]).toEqual([4401, 4401]);
      expect(Date.now() - started).toBeLessThan(1_000);
      expect(other.closed).toBeUndefined();
    });

    it('ends with the session even if nobody tells', async () => {
      const person = await test.person(a, 'operator');
      const client = await signedIn(b, person);
      await test.database.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [person.sessionId]);
      expect(await closeOf(client)).toBe(4401);
    });

    it('closes who may not follow a topic any more', async () => {
      const person = await test.person(a, 'supervisor');
      const [follower, idle] = [await signedIn(a, person), await signedIn(b, person)];
      await follower.subscribe('queues');
      await test.database.query(`UPDATE users SET role = 'user' WHERE id = $1`, [person.id]);
      await a.get(MessageBus).publish('user.changed', { user_id: person.id });
      expect(await closeOf(follower)).toBe(4403);
      expect(idle.closed).toBeUndefined();
      idle.send({ type: 'subscribe', topic: 'queues' });
      expect(await idle.waitFor((frame) => frame.type === 'error')).toMatchObject({ code: 'FORBIDDEN' });
    });

    it('renews the token in the open connection, for the same person only', async () => {
      const client = await signedIn();
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
      const topic = await addJob(owner.id);
      const client = await signedIn(a, owner);
      await client.subscribe(topic);
      const other = await signedIn(a, stranger);
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
      await publish(topic, 1, 1);
      await eventually(() => expect(client.events(topic)).toHaveLength(1));
      expect(other.events(topic)).toHaveLength(0);
    });

    it('lets every role of the admin side follow the read model', async () => {
      for (const role of ['admin', 'operator', 'supervisor', 'readonly'] as const) {
        const client = await signedIn(b, await test.person(a, role));
        expect(await client.subscribe('ssot')).toMatchObject({ topic: 'ssot', recovered: false });
      }
    });

    it('delivers to all followers on all processes, numbered from one to the next', async () => {
      const followers = [await signedIn(a), await signedIn(b), await signedIn(b)];
      const starts = await Promise.all(followers.map((one) => one.subscribe('queues')));
      await publish('queues', 1, 20);
      for (const [index, follower] of followers.entries()) {
        await eventually(() => expect(follower.events('queues')).toHaveLength(20));
        const first = (starts[index]?.offset ?? 0) + 1;
        expect(follower.events('queues').map((event) => event.offset)).toEqual(
          Array.from({ length: 20 }, (_, n) => first + n),
        );
      }
    });

    it('stops delivering after unsubscribe', async () => {
      const client = await signedIn();
      await client.subscribe('executions');
      client.send({ type: 'unsubscribe', topic: 'executions' });
      await client.waitFor((frame) => frame.type === 'unsubscribed');
      const witness = await signedIn();
      await witness.subscribe('executions');
      await publish('executions', 1, 1);
      await eventually(() => expect(witness.events('executions')).toHaveLength(1));
      expect(client.events('executions')).toHaveLength(0);
    });
  });

  describe('resume', () => {
    const HISTORY = 1_000;

    /** A topic that has seen `published` events; `process` b may have nobody that follows it. */
    async function history(published: number): Promise<{ topic: string; at: Position }> {
      const topic = await addJob(admin.id);
      await publish(topic, 1, published);
      return { topic, at: await feed.position(topic) };
    }

    it.each<[string, number, (at: Position) => Position, number, boolean]>([
      ['2 missed', 10, (at) => ({ ...at, offset: 8 }), 2, true],
      ['nothing missed', 10, (at) => ({ ...at }), 0, true],
      ['all of a short history', 4, (at) => ({ ...at, offset: 0 }), 4, true],
      ['the history does not reach back', HISTORY + 200, (at) => ({ ...at, offset: 8 }), 0, false],
      ['a place that was never reached', 10, (at) => ({ ...at, offset: 108 }), 0, false],
      ['another epoch', 10, () => ({ offset: 8, epoch: 'another' }), 0, false],
      ['another epoch, same offset', 10, (at) => ({ ...at, epoch: 'another' }), 0, false],
    ])(
      '%s',
      async (_name, published, since, missed, recovered) => {
        const { topic, at } = await history(published);
        for (const process of [a, b]) {
          const client = await signedIn(process);
          const from = since(at);
          const answer = await client.subscribe(topic, from);
          expect(answer).toMatchObject({ recovered, ...(recovered ? from : at) });
          await publish(topic, 99, 99);
          at.offset += 1;
          // What it missed, and what comes next, without a gap in between.
          await eventually(() => expect(client.events(topic).at(-1)?.offset).toBe(at.offset));
          const first = recovered ? from.offset + 1 : at.offset;
          expect(client.events(topic).map((event) => event.offset)).toEqual(
            Array.from({ length: at.offset - first + 1 }, (_, n) => first + n),
          );
          if (recovered && process === a) expect(client.events(topic).length - 1).toBe(missed);
        }
      },
      20_000,
    );

    it('goes on after the history has expired if nothing was missed, and not otherwise', async () => {
      const { topic, at } = await history(10);
      await test.redis.client.del(`${test.redis.prefix}:feed:${topic}:events`);
      const client = await signedIn(b);
      expect(await client.subscribe(topic, at)).toMatchObject({ recovered: true });
      expect(await client.subscribe(topic, { ...at, offset: 8 })).toMatchObject({ recovered: false });
    });

    it('asks for permission again', async () => {
      const owner = await test.person(a, 'user');
      const stranger = await signedIn(b, await test.person(a, 'user'));
      const topic = await addJob(owner.id);
      await publish(topic, 1, 3);
      stranger.send({ type: 'subscribe', topic, since: { ...(await feed.position(topic)), offset: 0 } });
      expect(await stranger.waitFor((frame) => frame.type === 'error')).toMatchObject({
        code: 'JOB_NOT_FOUND',
      });
      expect(stranger.events(topic)).toHaveLength(0);
    });

    it('tells followers when the history is lost under them', async () => {
      const { topic, at } = await history(5);
      const client = await signedIn(b);
      await client.subscribe(topic, at);
      const keys = await test.redis.client.keys(`${test.redis.prefix}:feed:${topic}:*`);
      await test.redis.client.del(...keys);
      await publish(topic, 1, 2);
      const again = await client.waitFor((frame) => frame.type === 'subscribed' && frame.epoch !== at.epoch);
      expect(again.recovered).toBe(false);
      await publish(topic, 3, 3);
      await eventually(() => expect(client.events(topic).at(-1)?.data).toEqual({ n: 3 }));
    });

    it('makes good what pub/sub loses', async () => {
      const { topic, at } = await history(1);
      const client = await signedIn(a);
      await client.subscribe(topic, at);
      const keys = ['meta', 'events'].map((part) => `${test.redis.prefix}:feed:${topic}:${part}`);
      // Three events that were written, but whose announcement was lost.
      for (let n = 2; n <= 4; n++) {
        const offset = await test.redis.client.hincrby(keys[0] ?? '', 'offset', 1);
        await test.redis.client.xadd(keys[1] ?? '', `${offset}-1`, 'd', JSON.stringify({ n }));
      }
      await publish(topic, 5, 5);
      await eventually(() =>
        expect(client.events(topic).map((event) => event.data?.['n'])).toEqual([2, 3, 4, 5]),
      );
      expect(client.frames.filter((frame) => frame.type === 'subscribed')).toHaveLength(1);
    });

    it('has no gap and no repeat for a client that is cut 50 times on two processes', async () => {
      const topic = await addJob(admin.id);
      const total = 3_000;
      const seen: number[] = [];
      let turns = 0;
      const begins: boolean[] = [];
      const sockets: WebSocket[] = [];
      const client = nodeGatewayClient({
        url: 'either',
        token: () => admin.token,
      });
      // Each connection goes to the other process.
      client['options'].connect = () => {
        const socket = new WebSocket(turns++ % 2 ? b.wsUrl : a.wsUrl);
        sockets.push(socket);
        return socket;
      };
      client['backoff'].next = () => 1;
      client.open().follow(topic, {
        event: ({ data }) => seen.push((data as { n: number }).n),
        begin: (_position, recovered) => begins.push(recovered),
      });
      await eventually(() => expect(begins).toHaveLength(1));
      let published = 0;
      const publishing = (async () => {
        while (published < total) await feed.publish(topic, { n: ++published });
      })();
      for (let cut = 1; cut <= 50; cut++) {
        // Wherever it is: still connecting, signing in, reading the history, or live.
        await eventually(() => expect(published).toBeGreaterThanOrEqual((cut * total) / 60), {
          timeoutMs: 30_000,
          intervalMs: 1,
        });
        sockets.at(-1)?.terminate();
      }
      await publishing;
      await eventually(() => expect(seen.at(-1)).toBe(total), { timeoutMs: 10_000 });
      expect(seen).toEqual(Array.from({ length: total }, (_, n) => n + 1));
      expect(begins.slice(1)).not.toContain(false);
      client.close();
    });
  });

  describe('bad clients', () => {
    it('closes a frame over 64 KB with 1009', async () => {
      const client = await signedIn();
      client.send({ type: 'auth', token: 'x'.repeat(70_000) });
      expect(await closeOf(client)).toBe(1009);
    });

    it('bears malformed frames a while, then closes with 1008', async () => {
      const client = await signedIn();
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
      const client = await signedIn();
      for (let i = 0; i < 1_000; i++) client.send({ type: 'ping' });
      expect(await closeOf(client)).toBe(1008);
      expect(client.frames.filter((frame) => frame.type === 'pong').length).toBeLessThan(300);
      expect(client.frames.some((frame) => frame.code === 'RATE_LIMITED')).toBe(true);
    });

    it('follows no more than 200 topics for one connection', async () => {
      const client = await signedIn();
      const topics = await Promise.all(Array.from({ length: 201 }, () => addJob(admin.id)));
      // Slowly enough for the message limit.
      for (const topic of topics) {
        client.send({ type: 'subscribe', topic });
        await client.waitFor((frame) => frame.topic === topic || frame.code === 'TOPIC_LIMIT');
      }
      expect(client.frames.find((frame) => frame.type === 'error')).toMatchObject({ code: 'TOPIC_LIMIT' });
      expect(client.frames.filter((frame) => frame.type === 'subscribed')).toHaveLength(200);
    });

    it('cuts off who does not read, at 1 MB, and nobody else notices', async () => {
      const topic = await addJob(admin.id);
      const [lazy, busy] = [await signedIn(), await signedIn()];
      await lazy.subscribe(topic);
      await busy.subscribe(topic);
      lazy['socket'].pause();
      const text = 'x'.repeat(200_000);
      const count = 100;
      for (let n = 1; n <= count; n++) await feed.publish(topic, { n, text });
      await eventually(() => expect(busy.events(topic)).toHaveLength(count), { timeoutMs: 15_000 });
      const started = Date.now();
      lazy['socket'].resume();
      await eventually(() => expect(lazy.closed).toBeDefined());
      expect(Date.now() - started).toBeLessThan(2_000);
      expect(lazy.events(topic).length).toBeLessThan(count);
      expect(busy.closed).toBeUndefined();
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

  it('sends its clients elsewhere when it stops, and they lose nothing', async () => {
    const c = await test.api();
    const topic = await addJob(admin.id);
    const raw = await signedIn(c);
    const seen: unknown[] = [];
    let turns = 0;
    const client = nodeGatewayClient({ url: 'either', token: () => admin.token });
    client['options'].connect = () => new WebSocket(turns++ ? b.wsUrl : c.wsUrl);
    let begun = 0;
    client
      .open()
      .follow(topic, { event: ({ data }) => seen.push((data as { n: number }).n), begin: () => begun++ });
    await eventually(() => expect(begun).toBe(1));
    await publish(topic, 1, 3);
    const stopping = test.stop(c);
    await publish(topic, 4, 6);
    expect(await closeOf(raw)).toBe(3001);
    await publish(topic, 7, 9);
    await eventually(() => expect(seen).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]));
    client.close();
    await stopping;
  });
});
