import { Module } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { LogIngest } from '../src/managers/log-ingest/log-ingest.manager';
import { LogIngestModule } from '../src/managers/log-ingest/log-ingest.module';
import { copyText, LOG_COLUMNS, type LogRow, LogRows } from '../src/managers/log-ingest/log-rows';
import { Db } from '../src/platform/postgres/db';
import { entryFields, logStream } from '../src/platform/telemetry/logs/log-stream';
import { RedisService } from '../src/platform/redis/redis.service';
import { processesOf, type TestProcess, type TestProcesses } from '../test/support/processes';
import { report } from './load';
import { spread } from './measure';

const LINES = 20_000;
const BATCH = 1_000;
const PER_ENTRY = 250;
const ROUNDS = 5;

@Module({ imports: [LogIngestModule] })
class Manager {}

const line = (i: number): string =>
  JSON.stringify({
    level: i % 50 === 0 ? 40 : 30,
    time: Date.now() - i,
    source: 'worker',
    instance: '01890a5d-ac96-774b-bcce-b302099a8057',
    pid: 4711,
    context: 'StepRunner',
    trace_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    msg: `Step ${i} of the job went on to the next agent after ${i % 977} ms`,
  });

describe('the ingest of log lines', () => {
  const lines = Array.from({ length: LINES }, (_, i) => line(i));
  let processes: TestProcesses;
  let manager: TestProcess;
  let rows: LogRow[];

  beforeAll(async () => {
    processes = await processesOf([Manager]);
    manager = await processes.start();
    const reader = new LogRows(Buffer.from('a key of the bench'));
    rows = lines.map((text) => reader.of(text)).filter((row) => row !== undefined);
  });
  afterAll(() => processes?.close());

  /** Seconds that it takes, on an empty table. */
  async function timed(work: () => Promise<void>): Promise<number> {
    await processes.database.query('TRUNCATE system_events, log_entries');
    const started = performance.now();
    await work();
    const seconds = (performance.now() - started) / 1000;
    const [count] = await processes.database.query<{ n: number }>('SELECT count(*) AS n FROM system_events');
    expect(count?.n).toBe(LINES);
    return seconds;
  }
  const batches = <T>(all: readonly T[], size: number): T[][] =>
    Array.from({ length: all.length / size }, (_, i) => all.slice(i * size, (i + 1) * size));
  const copied = (some: readonly LogRow[]) =>
    manager
      .get(Db)
      .transaction((tx) => tx.copyIn(`COPY system_events (${LOG_COLUMNS}) FROM STDIN`, copyText(some)));
  const inserted = (some: readonly LogRow[]) =>
    manager.get(Db).execute(
      `INSERT INTO system_events (${LOG_COLUMNS})
       SELECT * FROM unnest($1::uuid[], $2::timestamptz[], $3::text[], $4::text[], $5::text[], $6::text[], $7::jsonb[],
                            $8::uuid[], $9::text[])`,
      [
        some.map((row) => row.id),
        some.map((row) => row.at.toISOString()),
        some.map((row) => row.level),
        some.map((row) => row.source),
        some.map(() => 'log'),
        some.map((row) => row.message),
        some.map((row) => row.data),
        some.map((row) => row.jobId),
        some.map((row) => row.traceId),
      ],
    );
  async function fill(): Promise<void> {
    const redis = manager.get(RedisService);
    const commands = redis.client.pipeline();
    for (const some of batches(lines, PER_ENTRY))
      commands.xadd(logStream(redis), '*', ...entryFields(uuidv7(), some));
    await commands.exec();
  }
  async function ingest(): Promise<void> {
    const redis = manager.get(RedisService);
    while ((await redis.client.xlen(logStream(redis))) > 0) {
      const stop = new AbortController();
      const run = manager.get(LogIngest).run({ signal: stop.signal });
      while ((await redis.client.xlen(logStream(redis))) > 0)
        await new Promise((next) => setTimeout(next, 20));
      stop.abort();
      await run;
    }
  }

  it('in batches, against one COPY of everything', async () => {
    const figures = {
      copy: [] as number[],
      batches: [] as number[],
      insert: [] as number[],
      whole: [] as number[],
    };
    for (let round = 0; round <= ROUNDS; round++) {
      await fill();
      const taken = {
        copy: await timed(() => copied(rows)),
        batches: await timed(async () => {
          for (const some of batches(rows, BATCH)) await copied(some);
        }),
        insert: await timed(async () => {
          for (const some of batches(rows, BATCH)) await inserted(some);
        }),
        whole: await timed(ingest),
      };
      // The first round warms up.
      if (round === 0) continue;
      figures.copy.push(LINES / taken.copy);
      figures.batches.push(taken.copy / taken.batches);
      figures.insert.push(taken.insert / taken.batches);
      figures.whole.push(taken.copy / taken.whole);
    }
    report(`Log ingest, ${LINES} lines, ${ROUNDS} rounds`, {
      'one COPY, rows/s': spread(figures.copy),
      'COPY in batches, share of one COPY': spread(figures.batches),
      'COPY in batches, times INSERT in batches': spread(figures.insert),
      'read, scrubbed and stored once, share of one COPY': spread(figures.whole),
    });
  }, 600_000);
});
