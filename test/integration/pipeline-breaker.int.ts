import { Logger } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { Circuits } from '../../src/pipeline/breaker/circuits';
import { CircuitStore } from '../../src/pipeline/breaker/circuit-store';
import { ExecutionTiming } from '../../src/pipeline/executions/timing';
import { PipelineHttpModule } from '../../src/pipeline/http/pipeline-http.module';
import { StatusReader } from '../../src/pipeline/http/status-reader';
import { ActionRunner } from '../../src/pipeline/pipeline';
import { AppError } from '../../src/platform/errors/app-error';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import type { Actor } from '../../src/platform/security/roles';
import type { RedisService } from '../../src/platform/redis/redis.service';
import { RuntimeSettings } from '../../src/platform/settings/runtime-settings';
import { registry } from '../../src/platform/telemetry/metrics';
import { SystemCollector } from '../../src/ssot/sections/system.collector';
import { SsotModule } from '../../src/ssot/ssot.module';
import { CallingCategory, Stub } from '../support/calling.category';
import { CutableWay } from '../support/cutable-way';
import { eventually } from '../support/eventually';
import { auditOf } from '../support/pipeline';
import { type TestProcess, type TestProcesses, processesOf } from '../support/processes';
import { makeUser } from '../support/users';

const RULES = {
  volume: 4,
  slow_call_ms: 600,
  slow_percent: 50,
  open_ms: 600,
  max_open_ms: 5_000,
  probe_ms: 1_000,
};
const CALL_TIMEOUT_MS = 1_500;
const LONG_MS = 4_000;

let processes: TestProcesses;
let one: TestProcess;
let other: TestProcess;
/** Those that a test has besides both. */
const further: TestProcess[] = [];
let actor: Actor;

const start = async (variables = {}): Promise<TestProcess> => {
  const process = await processes.start({ variables });
  Object.assign(process.get(ExecutionTiming), { callTimeoutMs: CALL_TIMEOUT_MS });
  // The failures of these tests are meant.
  Logger.overrideLogger(false);
  return process;
};

beforeAll(async () => {
  const modules = [CallingCategory, PipelineHttpModule, SsotModule];
  processes = await processesOf(modules, { settings: { circuit_breaker: RULES } });
  [one, other] = [await start(), await start()];
  const user = await makeUser(processes.database, 'admin');
  actor = { userId: user.id, email: user.email, role: 'admin', sessionId: uuidv7() };
});
afterAll(() => processes?.close());

const broken = () => Promise.reject(Object.assign(new Error('input/output error'), { code: 'EIO' }));
const fine = () => Promise.resolve();
const after = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

const stubOf = (process: TestProcess): Stub => process.get(Stub);
function behave(answer: Stub['answer'], ...which: TestProcess[]): void {
  for (const process of which.length > 0 ? which : [one, other])
    Object.assign(stubOf(process), { answer, calls: 0 });
}

interface Outcome {
  status: number;
  code: string;
  retryAfter: number;
  traceId: string;
}
async function run(process: TestProcess, name = 'test.store', key = uuidv7()): Promise<Outcome> {
  const traceId = uuidv7();
  const { status, body, headers } = await process.get(ActionRunner).run(
    name,
    {},
    {
      actor,
      origin: { traceId, ip: '127.0.0.1', userAgent: 'test' },
      rawHeaders: ['X-Idempotency-Key', key],
      bodyErrors: [],
      scope: 'any',
      startedAt: performance.now(),
    },
  );
  const { error_code = 'success' } = JSON.parse(body.toString('utf8')) as { error_code?: string };
  return { status, code: error_code, retryAfter: Number(headers['Retry-After'] ?? 0), traceId };
}
const codes = (outcomes: Outcome[]): string[] => outcomes.map(({ code }) => code);
const many = (count: number, process: TestProcess): Promise<Outcome[]> =>
  Promise.all(Array.from({ length: count }, () => run(process)));

const shared = async (process = one) => {
  const [circuit] = await process.get(CircuitStore).states(['storage']);
  if (!circuit) throw new Error('There is no circuit');
  return circuit;
};
const stateIs = (state: string) =>
  eventually(async () => expect((await shared()).state).toBe(state), { intervalMs: 10 });
/** Waits until a call may be tried, and both processes, and these others, will ask Redis for it: who has not heard of that for long goes alone. */
const restIsOver = (...others: TestProcess[]) =>
  eventually(
    async () => {
      expect((await shared()).restMs).toBe(0);
      for (const process of [one, other, ...others])
        expect(known(process).mustAsk(performance.now())).toBe(true);
    },
    { intervalMs: 5 },
  );
/** What the process knows of the circuit. */
const known = (process: TestProcess) => process.get(Circuits)['circuit']('storage');
/** Waits until Redis knows of so many failures. */
const counted = (failures: number) =>
  eventually(async () => {
    const results = await processes.redis.client.hgetall(`${processes.redis.prefix}:circuit:storage:results`);
    const bad = Object.entries(results).filter(([field]) => field.endsWith('|bad'));
    expect(bad.reduce((sum, [, count]) => sum + Number(count), 0)).toBe(failures);
  });
/** Times how long the process waits for Redis to say how circuits stand, from now on, in milliseconds. */
const timeAnswers = (process: TestProcess) => {
  const times = { slowestMs: 0 };
  const store = process.get(CircuitStore);
  const sync = store.sync.bind(store);
  jest.spyOn(store, 'sync').mockImplementation(async (...asked) => {
    const askedAt = performance.now();
    const said = await sync(...asked);
    times.slowestMs = Math.max(times.slowestMs, performance.now() - askedAt);
    return said;
  });
  return times;
};
/** Whether the process would refuse a call; asks without calling. */
const refuses = async (process: TestProcess) =>
  'refusedBy' in (await process.get(Circuits).admit(['storage']));
const refusing = (process: TestProcess) =>
  eventually(async () => expect(await refuses(process)).toBe(true), { intervalMs: 10 });

/** Waits until both processes have heard of the last change: what calls that began before it come to decides nothing. */
const inStep = () =>
  eventually(
    async () => {
      const { epoch } = await shared();
      for (const process of [one, other]) expect(known(process).lastSeen(0)?.epoch).toBe(epoch);
    },
    { intervalMs: 5 },
  );

/** Whether the process holds calls back by what it knows, without asking for one. */
const holdsBack = (process: TestProcess) => known(process).restMs(performance.now()) > 0;

/** Fails calls of both processes until the circuit is open, and both know, and these others too. */
async function trip(...others: TestProcess[]): Promise<void> {
  for (;;) {
    await inStep();
    behave(broken);
    for (let i = 0; i < RULES.volume / 2; i++) await Promise.all([run(one), run(other)]);
    await stateIs('open');
    while ((await shared()).restMs > 0) {
      if ([one, other, ...others].every(holdsBack)) return;
      await after(5);
    }
    // A busy machine has slept through its rest.
    await reset();
  }
}
async function force(state: 'open' | 'closed' | null): Promise<void> {
  const patch = { circuit_breaker: { forced: { storage: state }, open_ms: RULES.open_ms } };
  await one.get(RuntimeSettings).update(patch, { authorId: actor.userId });
}
/** Within a test: what opens from now on rests so long that a loaded machine gets through what comes before its end. */
async function restLonger(): Promise<void> {
  const patch = { circuit_breaker: { open_ms: LONG_MS } };
  await one.get(RuntimeSettings).update(patch, { authorId: actor.userId });
  await eventually(() => {
    for (const process of [one, other])
      expect(process.get(RuntimeSettings).current().circuit_breaker.open_ms).toBe(LONG_MS);
  });
}

/** An operator's reset; resolves when every process goes by the settings that end it. */
async function reset(): Promise<void> {
  await force('closed');
  await eventually(async () => expect((await shared()).forced).toBe('closed'), { intervalMs: 10 });
  await force(null);
  const version = one.get(RuntimeSettings).version();
  await eventually(async () => {
    for (const process of [one, other, ...further]) {
      expect(process.get(RuntimeSettings).version()).toBe(version);
      expect(process.get(RuntimeSettings).current().circuit_breaker.forced.storage).toBeNull();
    }
    expect((await shared()).forced).toBeNull();
    expect([await refuses(one), await refuses(other)]).toEqual([false, false]);
  });
  await inStep();
}

// What a test left behind is not there for the next one.
beforeEach(async () => {
  await reset();
  behave(fine);
});

describe('a dependency that fails', () => {
  it('is called by no process any more, and says so with nothing done', async () => {
    await restLonger();
    behave(broken, one);
    const failures = await many(RULES.volume - 1, one);
    expect(new Set(codes(failures))).toEqual(new Set(['INTERNAL_ERROR']));
    await counted(RULES.volume - 1);
    expect((await shared()).state).toBe('closed');
    await run(one);
    await refusing(other);

    const key = uuidv7();
    const answers = [...(await many(20, other)), await run(other, 'test.store', key)];
    expect(new Set(codes(answers))).toEqual(new Set(['CIRCUIT_OPEN']));
    expect(stubOf(other).calls).toBe(0);
    const last = answers.at(-1);
    expect(last?.status).toBe(503);
    expect(last?.retryAfter).toBeGreaterThan(0);
    expect(last?.retryAfter).toBeLessThanOrEqual(LONG_MS / 1000);
    expect(await auditOf(processes.database, last?.traceId ?? '', 2)).toMatchObject([
      { phase: 'intent' },
      { phase: 'outcome', outcome: 'failed', error_code: 'CIRCUIT_OPEN' },
    ]);
    expect(
      await processes.database.query('SELECT FROM executions WHERE idempotency_key = $1', [key]),
    ).toEqual([]);
    // What it does not need goes on.
    expect((await run(other, 'test.queue')).status).toBe(200);
    expect(await one.get(Circuits).admit(['queue', 'storage'])).toMatchObject({ refusedBy: 'storage' });
  });

  it('is tried by one call over all processes, and left alone for longer if that fails', async () => {
    await trip();
    behave(() => after(100).then(broken));
    await restIsOver();
    const asked = await Promise.all(
      Array.from({ length: 100 }, async (_, i) => (i % 2 ? one : other).get(Circuits).admit(['storage'])),
    );
    const admitted = asked.flatMap((verdict) => ('permits' in verdict ? verdict.permits : []));
    expect(admitted).toMatchObject([{ shared: { probe: true } }]);
    one.get(Circuits).report(admitted, 1, () => 'bad');
    await eventually(async () => expect(await shared()).toMatchObject({ state: 'open', trips: 2 }));
    const key = `${processes.redis.prefix}:circuit:storage`;
    expect(Number(await processes.redis.client.hget(key, 'open_ms'))).toBe(RULES.open_ms * 2);

    await restIsOver();
    const answers = (await Promise.all([many(10, one), many(10, other)])).flat();
    expect(stubOf(one).calls + stubOf(other).calls).toBe(1);
    expect(codes(answers).filter((code) => code !== 'CIRCUIT_OPEN')).toEqual(['INTERNAL_ERROR']);
  });

  it('is called by all again after a probe that succeeds, with nothing remembered', async () => {
    await trip();
    behave(fine);
    await restIsOver();
    expect((await run(other)).status).toBe(200);
    await stateIs('closed');
    await inStep();
    behave(broken);
    await many(RULES.volume - 1, one);
    await counted(RULES.volume - 1);
    expect((await shared()).state).toBe('closed');
  });

  it('is left alone again when a probe does not come back', async () => {
    await trip();
    behave(() => after(CALL_TIMEOUT_MS * 3));
    await restIsOver();
    // Asked for and never reported, as by a process that died.
    const lost = await one.get(Circuits).admit(['storage']);
    expect(lost).toMatchObject({ permits: [{ shared: { probe: true } }] });
    expect((await run(other)).code).toBe('CIRCUIT_OPEN');
    await eventually(async () => {
      expect((await run(other)).code).toBe('CIRCUIT_OPEN');
      expect(await shared()).toMatchObject({ state: 'open', trips: 2 });
    });
    if ('permits' in lost) one.get(Circuits).report(lost.permits, 1, () => 'good');
    await after(50);
    expect((await shared()).state).toBe('open');
  });

  it('is tried when its rest ends, also by a process that starts meanwhile', async () => {
    await trip();
    const before = await shared();
    const third = await start();
    const late = await shared(third);
    expect(late.epoch).toBe(before.epoch);
    expect(late.openUntil).toBe(before.openUntil);
    behave(fine, third);
    await eventually(async () => expect((await run(third)).status).toBe(200), { intervalMs: 10 });
    expect((await third.get(CircuitStore).states(['storage']))[0]?.state).toBe('closed');
    await third.app.close();
  });

  it('is left alone until its time also when Redis comes back empty', async () => {
    await restLonger();
    await trip();
    const { epoch, trips } = await shared();
    behave(fine);
    await processes.redis.client.del(`${processes.redis.prefix}:circuit:storage`);
    await stateIs('open');
    expect(await shared()).toMatchObject({ epoch, trips });
    expect(codes(await Promise.all([run(one), run(other)]))).toEqual(['CIRCUIT_OPEN', 'CIRCUIT_OPEN']);
    expect(stubOf(one).calls + stubOf(other).calls).toBe(0);
  });

  it('is not brought back by a call that began before', async () => {
    let finish: () => void = () => undefined;
    behave(() => new Promise((resolve) => (finish = resolve)), one);
    const early = run(one);
    await eventually(() => expect(stubOf(one).calls).toBe(1));
    const kept = finish;
    await trip();
    const { epoch } = await shared();
    kept();
    expect((await early).status).toBe(200);
    await after(100);
    expect(await shared()).toMatchObject({ state: 'open', epoch });
  });

  it('counts as such when it is only slow', async () => {
    behave(() => after(RULES.slow_call_ms + 20));
    const answers = (await Promise.all([many(2, one), many(2, other)])).flat();
    expect(new Set(codes(answers))).toEqual(new Set(['success']));
    await stateIs('open');
    await restIsOver();
    // Still slow: the probe says so.
    await run(one);
    expect(await shared()).toMatchObject({ state: 'open', trips: 2 });
  });
});

describe('errors of callers', () => {
  const wrong = () => Promise.reject(new AppError('JOB_NOT_FOUND'));

  it('never open it', async () => {
    behave(wrong);
    const answers = (await Promise.all([many(40, one), many(40, other)])).flat();
    expect(new Set(codes(answers))).toEqual(new Set(['JOB_NOT_FOUND']));
    expect(await shared()).toMatchObject({ state: 'closed' });
  });

  it('decide nothing while it is tried, and leave the trying to the next call', async () => {
    await trip();
    behave(wrong);
    await restIsOver();
    expect((await run(one)).code).toBe('JOB_NOT_FOUND');
    await stateIs('probing');
    behave(fine);
    expect((await run(other)).code).toBe('success');
    await stateIs('closed');
  });
});

describe('a process that fails alone', () => {
  it('opens it for itself, and not for those for whom all is well', async () => {
    await restLonger();
    behave(broken, one);
    for (let i = 0; i < 20; i++) await Promise.all([run(one), run(other)]);
    expect(stubOf(one).calls).toBe(RULES.volume);
    expect((await run(one)).code).toBe('CIRCUIT_OPEN');
    expect(stubOf(other).calls).toBe(20);
    expect(await shared()).toMatchObject({ state: 'closed' });
    behave(fine, one);
    await eventually(async () => expect((await run(one)).status).toBe(200));
  });
});

describe('without Redis', () => {
  let way: CutableWay;
  let lonely: TestProcess;
  const call = async (result: 'good' | 'bad') => {
    const verdict = await lonely.get(Circuits).admit(['storage']);
    if ('permits' in verdict) lonely.get(Circuits).report(verdict.permits, 1, () => result);
    return 'permits' in verdict;
  };

  beforeAll(async () => {
    const url = new URL(processes.redis.url);
    way = await CutableWay.to(Number(url.port));
    url.port = String(way.port);
    lonely = await start({ REDIS_URL: url.toString() });
    further.push(lonely);
  });
  afterAll(async () => {
    further.length = 0;
    await lonely?.app.close();
    way?.close();
  });
  beforeEach(() => {
    way.open = true;
  });

  it('a process protects itself, and goes by the others when Redis is back', async () => {
    way.open = false;
    await eventually(async () => {
      await call('bad');
      expect(await call('bad')).toBe(false);
    });
    expect(await shared()).toMatchObject({ state: 'closed' });
    await eventually(async () => expect(await call('good')).toBe(true));
    way.open = true;
    await eventually(async () => {
      await trip();
      expect(await refuses(lonely)).toBe(true);
    });
  });

  it('what was open stays open until its time, and is then tried by one call at a time', async () => {
    await eventually(async () => expect(await refuses(lonely)).toBe(false));
    const answers = timeAnswers(lonely);
    await trip(lonely);
    const until = performance.now() + (await shared()).restMs;
    way.open = false;
    let verdict = await lonely.get(Circuits).admit(['storage']);
    while (!('permits' in verdict)) {
      await after(5);
      verdict = await lonely.get(Circuits).admit(['storage']);
    }
    // It counts from when it asked, which on a busy machine is long before Redis says how long the rest is.
    expect(performance.now()).toBeGreaterThan(until - 20 - answers.slowestMs);
    const stampede = await Promise.all(Array.from({ length: 50 }, () => refuses(lonely)));
    expect(new Set(stampede)).toEqual(new Set([true]));
    lonely.get(Circuits).report(verdict.permits, 1, () => 'good');
    expect(await call('good')).toBe(true);
    way.open = true;
  });

  it('a probe that Redis has let through late brings it back all the same', async () => {
    const askLate = async () => {
      await eventually(async () => expect(await refuses(lonely)).toBe(false));
      await trip(lonely);
      await restIsOver(lonely);
      const began = performance.now();
      const asked = eventually(
        async () => {
          const verdict = await lonely.get(Circuits).admit(['storage']);
          if (!('permits' in verdict)) throw new Error('It is refused');
          return verdict.permits;
        },
        { intervalMs: 1 },
      );
      const letGo = way.hold();
      // What Redis had said before is not fresh any more, and its answer comes before it is given up.
      await after(1_200);
      letGo();
      return { permits: await asked, tookMs: performance.now() - began };
    };
    let { permits, tookMs } = await askLate();
    // On a machine that stood still it was given up.
    while (tookMs > 1_600) {
      await reset();
      ({ permits, tookMs } = await askLate());
    }
    expect(permits).toMatchObject([{ shared: { probe: true } }]);
    lonely.get(Circuits).report(permits, 1, () => 'good');
    await stateIs('closed');
    expect(await shared()).toMatchObject({ trips: 0 });
  });
});

describe('a call that takes too long', () => {
  it('is told to stop, counts as a failure, and what it did is not known', async () => {
    let told: unknown;
    behave(
      ({ signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            told = signal.reason;
            reject(new Error('stopped'));
          });
        }),
    );
    const answer = await run(one);
    expect(answer).toMatchObject({ status: 504, code: 'TIMEOUT' });
    expect(told).toMatchObject({ code: 'TIMEOUT' });
    expect(await auditOf(processes.database, answer.traceId, 2)).toMatchObject([
      { phase: 'intent' },
      { phase: 'outcome', outcome: 'unknown', error_code: 'TIMEOUT' },
    ]);
    await many(RULES.volume - 1, one);
    await stateIs('open');
  });
});

describe('an operator', () => {
  it('holds it open over all processes, until that is taken away, and is told of it once', async () => {
    const begun = new Date();
    const { offset } = await one.get(LiveFeed).position('alerts');
    await force('open');
    const answers = await Promise.all([
      run(one),
      eventually(async () => {
        const answer = await run(other);
        expect(answer.code).toBe('CIRCUIT_OPEN');
        return answer;
      }),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 503, retryAfter: 30 });
    // Neither a restart nor an empty Redis lets a call through.
    const keys = await processes.redis.client.keys(`${processes.redis.prefix}:circuit:*`);
    await processes.redis.client.del(keys);
    const third = await start();
    behave(fine, third);
    expect((await run(third)).code).toBe('CIRCUIT_OPEN');
    expect(stubOf(third).calls).toBe(0);
    await third.app.close();
    await eventually(async () => expect((await shared()).forced).toBe('open'));
    await force(null);
    await eventually(async () => expect((await run(other)).status).toBe(200));
    const events = () =>
      processes.database.query<{ event: string }>(
        'SELECT event FROM system_events WHERE at >= $1 ORDER BY at',
        [begun],
      );
    await eventually(async () => expect((await events()).at(-1)?.event).toBe('circuit.released'));
    expect((await events()).filter(({ event }) => event === 'circuit.forced_open')).toHaveLength(1);
    const alerts = (await one.get(LiveFeed).read('alerts', offset, 100)).events;
    const kinds = alerts.map(({ json }) => (JSON.parse(json) as { kind: string }).kind);
    expect(kinds.filter((kind) => kind === 'circuit_forced_open')).toHaveLength(1);
  });

  it('lets it go before those who saw more than Redis has could put it back, and that is told of', async () => {
    const { client, prefix } = processes.redis;
    const redis = { client, key: (...parts: string[]) => [prefix, 'another', ...parts].join(':') };
    const store = new CircuitStore(redis as unknown as RedisService);
    const sync = async (version: number, forced: 'open' | null, epoch: number) => {
      const seen = { state: 'open', epoch, trips: 0, restMs: 0 } as const;
      return (await store.sync(version, [{ dependency: 'storage', forced, seen }]))[0];
    };
    // A process that has just started, those that were there before, and one of them that starts it all over.
    expect(await sync(5, 'open', 0)).toMatchObject({ forced: 'open', change: undefined });
    expect(await sync(6, null, 9)).toMatchObject({
      state: 'closed',
      epoch: 10,
      forced: null,
      change: 'released',
    });
    await client.del(redis.key('circuit', 'storage'));
    expect(await sync(6, null, 0)).toMatchObject({ forced: null, change: undefined });
    expect(await sync(7, 'open', 10)).toMatchObject({ forced: 'open', change: undefined });
  });

  it('holds it closed, whatever calls come to', async () => {
    await force('closed');
    await eventually(() =>
      expect(other.get(RuntimeSettings).current().circuit_breaker.forced.storage).toBe('closed'),
    );
    behave(broken);
    await Promise.all([many(20, one), many(20, other)]);
    expect(stubOf(one).calls + stubOf(other).calls).toBe(40);
    expect(await shared()).toMatchObject({ state: 'closed', forced: 'closed' });
  });
});

describe('what happens to a circuit', () => {
  it('is told once: in the log of events, as an alert, in the read model, status and metrics', async () => {
    const begun = new Date();
    const feed = one.get(LiveFeed);
    const { offset } = await feed.position('alerts');
    await trip();
    const system = await other.get(SystemCollector).collect();
    const storage = system.circuits?.find(({ dependency }) => dependency === 'storage');
    expect(storage).toMatchObject({ state: 'open', forced: false, trips: 1 });
    expect(storage?.open_until?.getTime()).toBe((await shared()).openUntil);
    const { pipeline } = await other.get(StatusReader).overview(actor);
    expect(pipeline?.circuits).toContainEqual(
      expect.objectContaining({ dependency: 'storage', state: 'open', forced: false }),
    );
    const metrics = await registry.metrics();
    expect(metrics).toContain('agentos_circuit_state{dependency="storage"} 2');
    expect(metrics).toMatch(/agentos_circuit_transitions_total\{dependency="redis",to="opened"\} 0/);
    behave(fine);
    await restIsOver();
    await run(one);
    await force('open');
    const story = ['opened', 'closed', 'forced_open'];
    await eventually(
      async () => {
        const events = await processes.database.query<{ event: string }>(
          `SELECT event, source FROM system_events WHERE at >= $1 ORDER BY at`,
          [begun],
        );
        expect(events).toEqual(story.map((change) => ({ event: `circuit.${change}`, source: 'breaker' })));
      },
      { timeoutMs: 3_000 },
    );
    await eventually(async () => {
      const { events } = await feed.read('alerts', offset, 100);
      const alerts = events.map(({ json }) => JSON.parse(json) as { at: string });
      expect(alerts.filter((alert) => alert.at >= begun.toISOString())).toMatchObject([
        { kind: 'circuit_opened', severity: 'critical', dependency: 'storage' },
        { kind: 'circuit_closed', severity: 'info' },
        { kind: 'circuit_forced_open', severity: 'warning' },
      ]);
    });
  });
});
