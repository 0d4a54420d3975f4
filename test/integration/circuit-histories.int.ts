import {
  fromClosed,
  fromOpen,
  type Node,
  RULES,
  SCRIPTS,
  type Step,
  walkAll,
} from '../support/circuit-histories';
import { redisForTest, type TestRedis } from '../support/redis';

/** Every rule that a step of Redis must keep to, whatever came before it. */
const INVARIANTS: Record<string, (step: Step) => boolean> = {
  'Redis and the machine agree': ({ redis, model }) => redis === model,

  'there is one probe in an epoch': ({ after: { callers, circuit } }) =>
    callers.filter(
      ({ flight }) =>
        flight?.probe && flight.epoch === Number(circuit['epoch']) && circuit['state'] === 'probing',
    ).length <= 1,

  'nobody calls while it is open and before its deadline': ({ event, flight, before: { circuit }, now }) =>
    event.kind !== 'ask' ||
    !flight ||
    circuit['state'] !== 'open' ||
    now >= Number(circuit['opened_at']) + Number(circuit['open_ms']),

  'only a probe calls while it is not closed': ({ event, flight, before: { circuit } }) =>
    event.kind !== 'ask' || !flight || (circuit['state'] ?? 'closed') === 'closed' || flight.probe,

  'only the probe of its epoch closes it': ({ event, flight, change, before: { circuit } }) =>
    change !== 'closed' ||
    (event.kind === 'good' && flight?.probe === true && flight.epoch === Number(circuit['epoch'])),

  'a late result changes nothing': ({ event, flight, before, after }) =>
    event.kind === 'ask' ||
    !flight ||
    flight.epoch === Number(before.circuit['epoch'] ?? 0) ||
    JSON.stringify([before.circuit, before.results]) === JSON.stringify([after.circuit, after.results]),

  'the epoch never goes back': ({ before, after }) =>
    Number(after.circuit['epoch'] ?? 0) >= Number(before.circuit['epoch'] ?? 0),

  'no process alone opens it for those who call, too': ({
    event,
    flight,
    change,
    before: { results },
    now,
  }) => {
    if (change !== 'opened' || event.kind === 'ask' || flight?.probe) return true;
    const counted = Object.keys(results)
      .map((field) => field.split('|'))
      .filter(([at]) => Number(at) > now - RULES.window_ms);
    const self = 'abc'[event.process];
    const callers = new Set([self, ...counted.map(([, process]) => process)]);
    const failing = counted.filter(([, , kind]) => kind === 'bad').map(([, process]) => process);
    return callers.size < 2 || new Set([...(event.kind === 'bad' ? [self] : []), ...failing]).size >= 2;
  },
};

/** @returns what was broken first, and how often what happened */
async function walk(redis: TestRedis, begin: Node, scripts = SCRIPTS) {
  const happened: Record<string, number> = { steps: 0 };
  let fault: string | undefined;
  await walkAll(
    redis.client,
    redis.prefix,
    begin,
    (step) => {
      for (const what of ['steps', step.change, step.redis.split(',').at(-1) ?? ''])
        happened[what] = (happened[what] ?? 0) + 1;
      fault = Object.entries(INVARIANTS).find(([, holds]) => !holds(step))?.[0];
      if (fault) fault += `: ${JSON.stringify(step)}`;
      return fault === undefined;
    },
    scripts,
  );
  return { fault, happened };
}

describe('the state machine of a circuit', () => {
  let redis: TestRedis;
  beforeAll(() => {
    redis = redisForTest();
  });
  afterAll(() => redis.close());

  it.each([
    ['closed', fromClosed(1), ['opened', 'refused']],
    ['open', fromOpen(4), ['opened', 'probing', 'closed', 'refused', 'probe true']],
  ])(
    'keeps to its rules in every history of three processes that begins %s, in Redis as in TypeScript',
    async (_state, begin, expected) => {
      const { fault, happened } = await walk(redis, begin);
      expect(fault).toBeUndefined();
      expect(happened['steps']).toBeGreaterThan(10_000);
      for (const what of expected) expect(happened[what]).toBeGreaterThan(100);
    },
  );

  it.each([
    ['results of any epoch', fromOpen(2), 'record', /c\.epoch ~= tonumber\(ARGV\[2\]\)/, 'false'],
    [
      'probes of anybody',
      fromOpen(4),
      'settle',
      'c.probe == ARGV[1] and c.epoch == tonumber(ARGV[2])',
      'true',
    ],
    ['calls at any time', fromOpen(0), 'admit', 'if rest(c) > 0 and', 'if false and'],
    ['a probe that never ends', fromOpen(4), 'admit', 'now >= c.probe_until then', 'false then'],
    ['one process as enough', fromClosed(0), 'record', 'who[kind] >= 2', 'true'],
  ] as const)('would be found out if it took %s', async (_what, begin, name, rule, instead) => {
    const scripts = { ...SCRIPTS, [name]: SCRIPTS[name].replace(rule, instead) };
    expect(scripts).not.toEqual(SCRIPTS);
    expect((await walk(redis, begin, scripts)).fault).toBeDefined();
  });
});
