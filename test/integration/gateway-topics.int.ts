import { v7 as uuidv7 } from 'uuid';
import { followState } from '../../src/gateway/client/follow-state';
import { nodeGatewayClient } from '../../src/gateway/client/node-client';
import { FeedHub } from '../../src/gateway/feed/feed-hub';
import { LogTail } from '../../src/gateway/logs/log-tail';
import { AuditNews } from '../../src/pipeline/audit/audit-news';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { NumberedFeed } from '../../src/platform/feed/numbered-feed';
import { MessageBus } from '../../src/platform/messages/message-bus';
import { Db } from '../../src/platform/postgres/db';
import { GatewayTickets } from '../../src/platform/security/gateway-tickets';
import { eventually } from '../support/eventually';
import type { WsClient } from '../support/ws-client';
import { closeOf, GatewayTest } from './gateway-support';
import type { Person, ReadProcess, ReadsideTest } from './readside-support';

describe('topics of the gateway', () => {
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

  afterEach(() => gateway.endOfTest());

  afterAll(() => test.close());

  describe('the state of the read model', () => {
    const PATH = '/api/admin/ssot';
    const ended: (() => void)[] = [];

    afterEach(() => ended.splice(0).forEach((end) => end()));

    /** What a reader over HTTP has, as the feed has it. */
    async function read(): Promise<Record<string, unknown>> {
      const { data } = await admin.client(a).get<Record<string, unknown>>(PATH);
      const { agents, ...state } = data;
      expect(agents).toEqual(state['agents_workers']);
      return state;
    }

    /** A change, and the version that shows it. */
    async function change(): Promise<Record<string, unknown>> {
      await gateway.addJob();
      await a.get(MessageBus).publish('ssot.invalidate', { reason: 'test' });
      return read();
    }

    function follower(process: ReadProcess) {
      const seen: { state: Record<string, unknown>; offset: number | undefined }[] = [];
      const client = nodeGatewayClient({ url: process.wsUrl, token: () => admin.token }).open();
      const mismatches: number[] = [];
      const copy = followState<Record<string, unknown>>(client, 'ssot', {
        state: (state, event) => seen.push({ state: structuredClone(state), offset: event?.offset }),
        mismatch: (offset) => mismatches.push(offset),
      });
      ended.push(() => client.close());
      return { seen, client, copy, mismatches };
    }

    const reaches = (one: ReturnType<typeof follower>, state: unknown) =>
      eventually(() => expect(one.seen.at(-1)?.state).toEqual(state));

    it('is a snapshot, then patches, the same ones on every process, and always what readers get', async () => {
      const first = await read();
      const followers = [follower(a), follower(b)];
      const raw = [await gateway.signedIn(a), await gateway.signedIn(b)];
      for (const client of raw) await client.subscribe('ssot');
      for (const one of followers) await reaches(one, first);
      const states = [await change(), await change(), await change()];
      for (const one of followers) {
        await reaches(one, states.at(-1));
        expect(one.seen.map(({ state }) => state)).toEqual([first, ...states]);
        expect(one.seen[0]?.offset).toBeUndefined();
        expect([one.copy.isTrue(), one.mismatches]).toEqual([true, []]);
      }
      for (const client of raw) await eventually(() => expect(client.events('ssot')).toHaveLength(3));
      expect(raw[0]?.frames.slice(1)).toEqual(raw[1]?.frames.slice(1));
      const patch = JSON.stringify(raw[0]?.events('ssot')[1]?.data);
      expect(patch.length).toBeLessThan(JSON.stringify(first).length / 2);
    });

    it('resumes on another process by the patches alone', async () => {
      await read();
      const before = await gateway.signedIn(a);
      await before.subscribe('ssot');
      await change();
      const { offset, epoch } = await a.get(LiveFeed).position('ssot');
      await change();
      const missed = await gateway.signedIn(b);
      await missed.subscribe('ssot', { offset, epoch });
      await eventually(() =>
        expect(missed.events('ssot').map((event) => event.offset)).toEqual([offset + 1]),
      );
      expect(missed.frames.filter(({ type }) => type === 'snapshot')).toHaveLength(0);
    });

    it('begins anew for everybody when Redis has lost it', async () => {
      const before = await read();
      const [one, other] = [follower(a), follower(b)];
      for (const follow of [one, other]) await reaches(follow, before);
      const keys = await test.redis.client.keys(`${test.redis.prefix}:feed:ssot:*`);
      await test.redis.client.del(...keys);
      const state = await change();
      for (const follow of [one, other]) {
        await reaches(follow, state);
        expect(follow.mismatches).toEqual([]);
      }
      const last = await change();
      for (const follow of [one, other]) await reaches(follow, last);
    });

    it('is asked for again by a client whose copy is another one', async () => {
      const before = await read();
      // What is told is the copy itself.
      let spoiled = false;
      const spoiler = nodeGatewayClient({ url: a.wsUrl, token: () => admin.token }).open();
      ended.push(() => spoiler.close());
      const states: unknown[] = [];
      const mismatches: number[] = [];
      followState<Record<string, unknown>>(spoiler, 'ssot', {
        state: (state) => {
          states.push(structuredClone(state));
          if (!spoiled && state['version'] === before['version'])
            state['queue'] = { spoiled: (spoiled = true) };
        },
        mismatch: (offset) => mismatches.push(offset),
      });
      await eventually(() => expect(spoiled).toBe(true));
      const state = await change();
      await eventually(() => expect(states.at(-1)).toEqual(state));
      expect(mismatches).toHaveLength(1);
    });
  });

  describe('the log', () => {
    let written = 0;

    async function write(level: string, source: string, message: string): Promise<void> {
      await test.database.query(
        `INSERT INTO system_events (id, level, source, event, message) VALUES ($1, $2, $3, 'test.line', $4)`,
        [uuidv7(), level, source, `${++written} ${message}`],
      );
    }

    const messages = (client: WsClient) => client.events('logs').map(({ data }) => data?.['message']);

    it('is told once by however many processes look at it, to each by its filter', async () => {
      await write('error', 'flow', 'from before');
      const [all, severe, texts] = [
        await gateway.signedIn(a),
        await gateway.signedIn(b),
        await gateway.signedIn(b),
      ];
      await all.subscribe('logs');
      severe.send({ type: 'subscribe', topic: 'logs', filter: { level: 'warn', source: 'flow' } });
      texts.send({ type: 'subscribe', topic: 'logs', filter: { q: 'DISK' } });
      for (const client of [severe, texts]) await client.waitFor(({ type }) => type === 'subscribed');
      await write('info', 'flow', 'disk is fine');
      await write('warn', 'flow', 'disk is filling');
      await write('error', 'breaker', 'open');
      await write('fatal', 'flow', 'over');
      await eventually(() => expect(messages(all)).toHaveLength(4));
      expect(messages(all)).toEqual(['2 disk is fine', '3 disk is filling', '4 open', '5 over']);
      await eventually(() => expect(messages(severe)).toEqual(['3 disk is filling', '5 over']));
      await eventually(() => expect(messages(texts)).toEqual(['2 disk is fine', '3 disk is filling']));
      // By the filter again, from where it was.
      const [first] = severe.events('logs');
      const at = await feed.position('logs');
      const back = await gateway.signedIn(a);
      const since = { offset: first?.offset ?? 0, epoch: at.epoch };
      back.send({ type: 'subscribe', topic: 'logs', since, filter: { level: 'warn', source: 'flow' } });
      await eventually(() => expect(messages(back)).toEqual(['5 over']));
      expect(back.frames.find(({ type }) => type === 'subscribed')).toMatchObject({ recovered: true });
    });

    it('tells who resumes after nobody has looked that something is missing', async () => {
      const client = await gateway.signedIn(a);
      await client.subscribe('logs');
      await write('info', 'flow', 'seen');
      await eventually(() => expect(client.events('logs')).toHaveLength(1));
      const at = await feed.position('logs');
      await client.close();
      await eventually(async () =>
        expect(await test.redis.client.exists(`${test.redis.prefix}:feed:logs:alive`)).toBe(0),
      );
      await write('info', 'flow', 'not seen');
      const back = await gateway.signedIn(a);
      expect(await back.subscribe('logs', at)).toMatchObject({ recovered: false });
    });

    it('is followed by who comes while the last one goes', async () => {
      const hub = a.get(FeedHub);
      const subscribe = hub.subscribe.bind(hub);
      // It began to look for the one who comes, and found nobody who follows before that one did.
      const slow = jest.spyOn(hub, 'subscribe').mockImplementationOnce(async (...what) => {
        await eventually(() => expect(a.get(LogTail)['timer']).toBeUndefined());
        return subscribe(...what);
      });
      const client = await gateway.signedIn(a);
      await client.subscribe('logs');
      slow.mockRestore();
      await write('info', 'flow', 'after');
      await eventually(() => expect(messages(client)).toHaveLength(1));
    });

    it('filters nothing else', async () => {
      const client = await gateway.signedIn(a);
      client.send({ type: 'subscribe', topic: 'jobs', filter: { q: 'x' } });
      expect(await client.waitFor(({ type }) => type === 'error')).toMatchObject({
        code: 'VALIDATION_ERROR',
      });
    });

    it('can be followed by a ticket, which is good once, and as long as its session', async () => {
      const person = await test.person(a, 'readonly');
      const ticket = await a.get(GatewayTickets).issue({ userId: person.id, sessionId: person.sessionId });
      const [first, second] = [await gateway.opened(b.wsUrl), await gateway.opened(a.wsUrl)];
      first.send({ type: 'auth', ticket });
      expect(await first.waitFor(({ type }) => type === 'ready')).toMatchObject({ role: 'readonly' });
      await first.subscribe('logs');
      second.send({ type: 'auth', ticket });
      expect(await closeOf(second)).toBe(4401);
      const late = await a.get(GatewayTickets).issue({ userId: person.id, sessionId: person.sessionId });
      await test.database.query('UPDATE sessions SET revoked_at = now() WHERE id = $1', [person.sessionId]);
      expect(await closeOf(first)).toBe(4401);
      const third = await gateway.opened(a.wsUrl);
      third.send({ type: 'auth', ticket: late });
      expect(await closeOf(third)).toBe(4401);
    });
  });

  it('tells of the audit to those who may search it, for as long as they may', async () => {
    const operator = await gateway.signedIn(a, await test.person(a, 'operator'));
    operator.send({ type: 'subscribe', topic: 'audit' });
    expect(await operator.waitFor(({ type }) => type === 'error')).toMatchObject({ code: 'FORBIDDEN' });
    const person = await test.person(a, 'supervisor');
    const supervisor = await gateway.signedIn(b, person);
    const { offset, epoch } = (await supervisor.subscribe('audit')) as { offset: number; epoch: string };
    const rows = await test.database.query<{ seq: number }>(
      `INSERT INTO audit_entries (phase, kind, outcome, payload, ip, reason)
       SELECT 'denial', 'act', 'denied', '{"n": 1}', '192.0.2.1', 'mine' FROM generate_series(1, 3) RETURNING seq`,
    );
    const numbers = rows.map(({ seq }) => seq);
    const end = numbers.at(-1) ?? 0;
    // Two who believe to lead.
    const tellers = [a, b].map((one) => new AuditNews(one.get(Db), one.get(NumberedFeed)));
    await Promise.all(tellers.map((teller) => teller.sealed(end - 3, end)));
    const told = (client: WsClient) =>
      client.events('audit').map(({ data }) => (data as { seq: number }).seq);
    await eventually(() => expect(told(supervisor)).toEqual(numbers));
    expect(JSON.stringify(supervisor.frames)).not.toMatch(/192\.0\.2\.1|mine/);
    const back = await gateway.signedIn(a, await test.person(a, 'readonly'));
    expect(await back.subscribe('audit', { offset: offset + 1, epoch })).toMatchObject({ recovered: true });
    await eventually(() => expect(told(back)).toEqual(numbers.slice(1)));
    await test.database.query(`UPDATE users SET role = 'operator' WHERE id = $1`, [person.id]);
    expect(await closeOf(supervisor)).toBe(4403);
  });
});
