import type { Redis } from 'ioredis';
import { ADMIT_LUA, RECORD_LUA, SETTLE_LUA } from '../../src/pipeline/breaker/breaker.lua';
import { CircuitMachine } from '../../src/pipeline/breaker/circuit-machine';
import type { CircuitRules } from '../../src/pipeline/breaker/circuit-rules';

/** Small enough that every rule bites within two calls of three processes. */
export const RULES: CircuitRules = {
  window_ms: 100,
  volume: 2,
  failure_percent: 50,
  slow_call_ms: 1_000,
  slow_percent: 100,
  open_ms: 30,
  max_open_ms: 60,
  probe_ms: 30,
};
const TICK_MS = 30;
const CALLS = 2;
const PROCESSES = ['a', 'b', 'c'];
const BEGIN_MS = 1_700_000_000_000;
const BATCH = 400;

type Result = 'good' | 'bad' | 'none';
type Hash = Record<string, string>;
/** An answer of a script, and the two hashes after it. */
type Answer = [(string | number)[], string[], string[]];

interface Flight {
  id: string;
  epoch: number;
  probe: boolean;
}
interface Caller {
  left: number;
  flight?: Flight;
}
/** Everything that the future depends on, in Redis and in the machine. */
export interface Node {
  /** How often the clock has moved, and may move yet. */
  ticks: number;
  ticksLeft: number;
  callers: Caller[];
  circuit: Hash;
  results: Hash;
  machine: CircuitMachine;
}
/** What happens next: the clock moves, or a process asks, or a call of it ends. */
export interface Event {
  kind: 'tick' | 'ask' | Result;
  process: number;
}

/** One step of one history, with what Redis and the machine made of it. */
export interface Step {
  before: Node;
  event: Event;
  after: Node;
  now: number;
  /** The call that ended, or that was let through. */
  flight?: Flight;
  /** What Redis says that changed: opened, probing, closed or nothing. */
  change: string;
  /** How it stands afterwards and what was said to a call, by each of the two. */
  redis: string;
  model: string;
}

/** The scripts under test; a test puts a broken one in place of one. */
export const SCRIPTS = { admit: ADMIT_LUA, settle: SETTLE_LUA, record: RECORD_LUA };

const wrapped = (scripts: typeof SCRIPTS): string => `
local scripts = {}
${Object.entries(scripts)
  .map(
    ([name, text]) =>
      `scripts.${name} = function(KEYS, ARGV, clock) ${text.replace("redis.call('TIME')", 'clock')} end`,
  )
  .join('\n')}
local out = {}
for i, step in ipairs(cjson.decode(ARGV[1])) do
  redis.call('DEL', KEYS[1], KEYS[2])
  if #step.circuit > 0 then redis.call('HSET', KEYS[1], unpack(step.circuit)) end
  if #step.results > 0 then redis.call('HSET', KEYS[2], unpack(step.results)) end
  local answer = scripts[step.script](KEYS, step.args, step.clock)
  out[i] = { answer, redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2]) }
end
redis.call('DEL', KEYS[1], KEYS[2])
return out`;

/**
 * Walks every history of three processes with two calls each: at every point each idle process may ask, each
 * call that is under way may end well, badly, saying nothing, or never, and the clock may move. Histories that
 * have come to the same state are walked on once. Calls `visit` with each step, until that answers false.
 *
 * @param begin see {@link fromClosed} and {@link fromOpen}
 */
export async function walkAll(
  redis: Redis,
  key: string,
  begin: Node,
  visit: (step: Step) => boolean,
  scripts = SCRIPTS,
): Promise<void> {
  const text = wrapped(scripts);
  const known = new Set<string>();
  let level: Node[] = [begin];
  while (level.length > 0) {
    const edges = level.flatMap((node) =>
      eventsOf(node).map((event) => ({ node, event, call: callOf(node, event) })),
    );
    level = [];
    for (let i = 0; i < edges.length; i += BATCH) {
      const batch = edges.slice(i, i + BATCH);
      const calls = JSON.stringify(batch.flatMap(({ call }) => call ?? []));
      const answers = (await redis.eval(text, 2, key, `${key}:results`, calls)) as Answer[];
      for (const { node, event, call } of batch) {
        const step = call ? spoken(node, event, answers.shift()) : silent(node, event);
        if (!visit(step)) return;
        const id = identity(step.after);
        if (!known.has(id)) level.push(step.after);
        known.add(id);
      }
    }
  }
}

/** A circuit that has never failed. */
export function fromClosed(ticksLeft: number): Node {
  const callers = PROCESSES.map(() => ({ left: CALLS }));
  return { ticks: 0, ticksLeft, callers, circuit: {}, results: {}, machine: new CircuitMachine() };
}

/** A circuit that has just opened, while a call of the first process was under way. */
export function fromOpen(ticksLeft: number): Node {
  const machine = new CircuitMachine();
  for (const process of PROCESSES.slice(0, 2))
    machine.record(process, 0, { all: 1, bad: 1, slow: 0 }, BEGIN_MS, RULES);
  const opened = { state: 'open', epoch: '1', opened_at: String(BEGIN_MS), open_ms: '30', trips: '1' };
  const circuit = pairs(Object.entries(opened).flat());
  const callers: Caller[] = PROCESSES.map(() => ({ left: CALLS }));
  callers[0] = { left: CALLS - 1, flight: { id: 'late', epoch: 0, probe: false } };
  return { ticks: 0, ticksLeft, callers, circuit, results: {}, machine };
}

function eventsOf({ ticksLeft, callers }: Node): Event[] {
  const events: Event[] = ticksLeft > 0 ? [{ kind: 'tick', process: -1 }] : [];
  for (const [process, { left, flight }] of callers.entries()) {
    if (flight) for (const kind of ['good', 'bad', 'none'] as const) events.push({ kind, process });
    // Which of those that have not called yet calls first makes no difference: they have no history.
    else if (left > 0 && (callers[process - 1]?.left ?? 0) < CALLS) events.push({ kind: 'ask', process });
  }
  return events;
}

const nowOf = (node: Node): number => BEGIN_MS + node.ticks * TICK_MS;
const idOf = (node: Node, process: number): string => `${PROCESSES[process]}${node.callers[process]?.left}`;
const countsOf = (result: string) => ({ all: 1, bad: result === 'bad' ? 1 : 0, slow: 0 });

/** What is said to Redis; nothing, if only time passes or a call has nothing to tell. */
function callOf(node: Node, { kind, process }: Event): object | undefined {
  const flight = node.callers[process]?.flight;
  if (kind === 'tick' || (kind === 'none' && !flight?.probe)) return undefined;
  const now = nowOf(node);
  const rules = JSON.stringify(RULES);
  const state = {
    circuit: Object.entries(node.circuit).flat(),
    results: Object.entries(node.results).flat(),
    clock: [String(Math.floor(now / 1000)), String((now % 1000) * 1000)],
  };
  if (!flight) return { ...state, script: 'admit', args: [idOf(node, process), rules] };
  if (flight.probe)
    return { ...state, script: 'settle', args: [flight.id, String(flight.epoch), kind, rules] };
  const { all, bad, slow } = countsOf(kind);
  const numbers = [flight.epoch, all, bad, slow].map(String);
  return { ...state, script: 'record', args: [PROCESSES[process], ...numbers, rules] };
}

function silent(before: Node, { kind, process }: Event): Step {
  const callers = before.callers.map((one, i) => (i === process ? { left: one.left } : one));
  const moved = kind === 'tick' ? 1 : 0;
  const after = { ...before, callers, ticks: before.ticks + moved, ticksLeft: before.ticksLeft - moved };
  return { before, event: { kind, process }, after, change: '', now: nowOf(before), redis: '', model: '' };
}

function spoken(before: Node, event: Event, answered: Answer | undefined): Step {
  if (!answered) throw new Error('Redis gave no answer to a step');
  const [answer, circuit, results] = answered;
  const now = nowOf(before);
  const isAsk = event.kind === 'ask';
  const [state = '', epoch = '', rest = '', trips = '', , , change = ''] = (
    isAsk ? answer.slice(2) : answer
  ).map(String);
  const probe = Number(answer[1]) === 1;
  const refused = isAsk && Number(answer[0]) > 0;
  const granted =
    isAsk && !refused ? { id: idOf(before, event.process), epoch: Number(epoch), probe } : undefined;
  const callers = before.callers.map((one, i) =>
    i === event.process ? { left: one.left - (isAsk ? 1 : 0), flight: granted } : one,
  );
  const machine = copyOf(before.machine);
  const verdict = isAsk ? (refused ? 'refused' : `probe ${probe}`) : '';
  const said = playOn(machine, before, event, now);
  return {
    before,
    event,
    after: { ...before, callers, machine, circuit: pairs(circuit), results: pairs(results) },
    now,
    flight: granted ?? before.callers[event.process]?.flight,
    change,
    redis: [state, epoch, rest, trips, verdict].join(),
    model: [machine.state, machine.epoch, machine.restMs(now), machine.trips, said].join(),
  };
}

function playOn(machine: CircuitMachine, node: Node, { kind, process }: Event, now: number): string {
  const flight = node.callers[process]?.flight;
  if (!flight) {
    const verdict = machine.admit(idOf(node, process), now, RULES);
    return 'restMs' in verdict ? 'refused' : `probe ${verdict.probe}`;
  }
  if (flight.probe) machine.settle(flight.id, flight.epoch, kind as Result, now, RULES);
  else machine.record(PROCESSES[process] ?? '', flight.epoch, countsOf(kind), now, RULES);
  return '';
}

function copyOf(machine: CircuitMachine): CircuitMachine {
  // Its parts are replaced and never changed, but for the list of results.
  const copy = Object.assign(new CircuitMachine(), machine) as unknown as { results: object[] };
  copy.results = [...copy.results];
  return copy as unknown as CircuitMachine;
}

function pairs(flat: readonly string[]): Hash {
  const entries = flat.flatMap((name, i) => (i % 2 === 0 ? [[name, flat[i + 1] ?? ''] as const] : []));
  return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Without the machine, which has been found to agree. */
function identity({ ticks, callers, circuit, results }: Node): string {
  return JSON.stringify([ticks, callers, circuit, results]);
}
