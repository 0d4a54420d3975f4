import { setTimeout as delay } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { LogDays } from '../../src/managers/log-ingest/log-days.manager';
import { LogIngest } from '../../src/managers/log-ingest/log-ingest.manager';
import { LogIngestModule } from '../../src/managers/log-ingest/log-ingest.module';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { RedisService } from '../../src/platform/redis/redis.service';
import { LogShipper } from '../../src/platform/telemetry/logs/log-shipper';
import { logStream, readEntry } from '../../src/platform/telemetry/logs/log-stream';
import { eventually } from '../support/eventually';
import { processesOf, type TestProcess, type TestProcesses } from '../support/processes';

@Module({ imports: [LogIngestModule] })
class Manager {}

const WARN = 40;
const DEBUG = 20;
/** What COPY, Postgres or JSON may trip over. */
const ODD = ['a\tb', 'a\nb', '\\N', '\\.', 'C:\\temp\\', '\u0000', '\ud800', '"quoted"', "it's", 'ü€😀', ''];

describe('the way of a log line into the system events', () => {
  let processes: TestProcesses;
  let manager: TestProcess;
  let other: TestProcess;

  beforeAll(async () => {
    processes = await processesOf([Manager], { variables: { LOG_LEVEL: 'fatal' } });
    [manager, other] = [await processes.start(), await processes.start()];
  });
  afterEach(async () => {
    jest.restoreAllMocks();
    await processes.database.query('DELETE FROM system_events');
  });
  afterAll(() => processes?.close());

  const log = (level: number, msg: string, fields: object = {}, by = manager) =>
    by
      .get(LogShipper)
      .push(level, JSON.stringify({ level, time: Date.now(), source: 'api', msg, ...fields }));
  /** Lets a manager take in what is in the stream, until that is empty. */
  async function ingest(by = manager): Promise<void> {
    const redis = manager.get(RedisService);
    const emptied = new AbortController();
    const run = by.get(LogIngest).run({ signal: emptied.signal });
    const over = run.then(
      () => true,
      () => true,
    );
    while (!(await Promise.race([over, delay(10, false)])))
      if ((await redis.client.xlen(logStream(redis))) === 0) emptied.abort();
    await run;
  }
  const messages = async (): Promise<string[]> =>
    (
      await processes.database.query<{ message: string }>('SELECT message FROM system_events ORDER BY at, id')
    ).map(({ message }) => message);
  const numbers = async () => (await messages()).map(Number).sort((a, b) => a - b);
  const upTo = (n: number) => Array.from({ length: n }, (_, i) => i);
  /** Resolves when so many lines are in the stream. */
  async function sent(lines: number): Promise<void> {
    const redis = manager.get(RedisService);
    await eventually(async () => {
      const entries = (await redis.client.xrange(logStream(redis), '-', '+')).map(readEntry);
      expect(entries.flatMap((entry) => entry?.lines ?? [])).toHaveLength(lines);
    });
  }

  it('changes no sign that can be stored', async () => {
    ODD.forEach((text, index) => log(WARN, `${index} ${text}`, { context: text }));
    await sent(ODD.length);
    await ingest();
    const stored = await processes.database.query<{ message: string; context: string; level: string }>(
      `SELECT message, data->>'context' AS context, level FROM system_events ORDER BY split_part(message, ' ', 1)::int`,
    );
    const kept = (text: string) => text.replaceAll('\u0000', '').toWellFormed();
    expect(stored).toEqual(
      ODD.map((text, index) => ({ message: `${index} ${kept(text)}`, context: kept(text), level: 'warn' })),
    );
  });

  it('is gone once, although the manager dies before it could say so', async () => {
    upTo(600).forEach((i) => log(WARN, String(i)));
    await sent(600);
    const { client } = manager.get(RedisService);
    const removal = jest.spyOn(client, 'xdel').mockRejectedValueOnce(new Error('killed'));
    await expect(ingest()).rejects.toThrow('killed');
    expect(removal).toHaveBeenCalledTimes(1);
    await ingest(other);
    expect(await numbers()).toEqual(upTo(600));
  });

  it('is gone once, although two managers believe that they lead', async () => {
    upTo(2_000).forEach((i) => log(WARN, String(i)));
    await sent(2_000);
    await Promise.all([ingest(), ingest(other)]);
    await ingest();
    expect(await numbers()).toEqual(upTo(2_000));
  });

  it('waits while Redis takes nothing, and goes on when it does', async () => {
    const { client } = other.get(RedisService);
    const nothing = {
      xadd: () => nothing,
      xlen: () => nothing,
      exec: () => Promise.reject(new Error('away')),
    };
    const away = jest.spyOn(client, 'pipeline').mockReturnValue(nothing as never);
    upTo(1_200).forEach((i) => log(WARN, String(i), {}, other));
    await eventually(() => expect(away).toHaveBeenCalled());
    away.mockRestore();
    await sent(1_200);
    await ingest();
    expect(await numbers()).toEqual(upTo(1_200));
  });

  it('is gone once, although Redis took it and could not say so', async () => {
    const { client } = other.get(RedisService);
    const pipeline = client.pipeline.bind(client);
    const unheard = jest.spyOn(client, 'pipeline').mockImplementationOnce(() => {
      const commands = pipeline();
      const exec = commands.exec.bind(commands);
      commands.exec = async () => {
        await exec();
        throw new Error('Command timed out');
      };
      return commands;
    });
    upTo(1_200).forEach((i) => log(WARN, String(i), {}, other));
    await eventually(() => expect(unheard.mock.calls.length).toBeGreaterThan(1));
    await eventually(async () => {
      await ingest();
      expect(new Set(await numbers()).size).toBe(1_200);
    });
    await ingest();
    expect(await numbers()).toEqual(upTo(1_200));
  });

  it('begins the live log anew where lines are stored later than looks go back', async () => {
    const epoch = async () => (await other.get(LiveFeed).position('logs')).epoch;
    const before = await epoch();
    log(WARN, 'in time');
    await sent(1);
    await ingest();
    expect(await epoch()).toBe(before);
    log(WARN, 'late', { time: Date.now() - 11_000 });
    await sent(1);
    await ingest();
    expect(await messages()).toEqual(['late', 'in time']);
    expect(await epoch()).not.toBe(before);
  });

  it('waits for Postgres', async () => {
    upTo(10).forEach((i) => log(WARN, String(i)));
    await sent(10);
    await processes.database.query('ALTER TABLE log_entries RENAME TO log_entries_away');
    await expect(ingest()).rejects.toThrow('log_entries');
    await processes.database.query('ALTER TABLE log_entries_away RENAME TO log_entries');
    await ingest();
    expect(await numbers()).toEqual(upTo(10));
  });

  it('is left to warnings and errors in a burst, and says what was left out', async () => {
    for (let i = 0; i < 50_000; i++) {
      log(DEBUG, 'debug');
      if (i % 50 === 0) log(WARN, String(i / 50));
    }
    await eventually(
      async () => {
        await ingest();
        expect(await messages()).toEqual(expect.arrayContaining([expect.stringMatching(/left out here/)]));
        expect((await messages()).filter((text) => /^\d+$/.test(text))).toHaveLength(1_000);
      },
      { timeoutMs: 90_000 },
    );
    const [told] = await processes.database.query<{ debug: number }>(
      `SELECT sum((data->'omitted'->>'debug')::int)::int AS debug FROM system_events WHERE data ? 'omitted'`,
    );
    const kept = (await messages()).filter((text) => text === 'debug').length;
    expect((told?.debug ?? 0) + kept).toBe(50_000);
  });

  it('lies in the partition of its day, and goes with that', async () => {
    const days = async () =>
      (
        await processes.database.query<{ name: string }>(
          `SELECT inhrelid::regclass::text AS name FROM pg_inherits WHERE inhparent = 'system_events'::regclass`,
        )
      ).map(({ name }) => name);
    const { database } = processes;
    const old = new Date(Date.now() - 40 * 86_400_000).toISOString();
    const name = `system_events_${old.slice(0, 10).replaceAll('-', '')}`;
    await database.query(
      `CREATE TABLE ${name} PARTITION OF system_events
         FOR VALUES FROM ('${old.slice(0, 10)}Z') TO ('${old.slice(0, 10)}T24:00Z')`,
    );
    const insert = (at: string) =>
      database.query(
        `INSERT INTO system_events (id, at, level, source, event, message)
         VALUES (gen_random_uuid(), $1, 'info', 'test', 'log', 'old')`,
        [at],
      );
    await insert(old);
    await insert(new Date(Date.now() - 50 * 86_400_000).toISOString());
    await insert(new Date().toISOString());

    expect(await days()).toContain(name);
    await manager.get(LogDays).run({ signal: AbortSignal.timeout(10_000) });
    expect(await days()).not.toContain(name);
    expect(await messages()).toEqual(['old']);
    expect((await days()).filter((day) => /_\d{8}$/.test(day)).length).toBeGreaterThanOrEqual(3);
  });
});
