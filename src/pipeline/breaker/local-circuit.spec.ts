import type { CircuitView } from './circuit';
import { circuitRules } from './circuit-rules';
import { CircuitBreakerSettings } from '../../platform/settings/circuit-breaker.settings';
import { FRESH_MS, LocalCircuit } from './local-circuit';

const RULES = { ...circuitRules(new CircuitBreakerSettings(), 'storage'), volume: 2, open_ms: 1_000 };
const CLOSED: CircuitView = { state: 'closed', epoch: 4, restMs: 0, trips: 0, forced: null, openUntil: 0 };
const OPEN: CircuitView = { ...CLOSED, state: 'open', epoch: 5, restMs: 3_000, trips: 2 };
const BAD = { all: 1, bad: 1, slow: 0 };

const circuitThatSaw = (view: CircuitView, at: number): LocalCircuit => {
  const circuit = new LocalCircuit();
  circuit.saw({ dependency: 'storage', ...view }, at);
  return circuit;
};
const fail = (circuit: LocalCircuit, now: number): boolean => {
  const part = circuit.ownPart(`call at ${now}`, now, RULES);
  if (!part) throw new Error('The call may not go ahead');
  return circuit.ended(`call at ${now}`, part, 'bad', BAD, now, RULES);
};

describe('a circuit as one process has it', () => {
  it('goes by what Redis said, for as long as that is fresh', () => {
    const circuit = circuitThatSaw(CLOSED, 100);
    expect(circuit.mustAsk(200)).toBe(false);
    expect(circuit.sharedPart(200)).toEqual({ epoch: 4, probe: false });
    expect(circuit.isFresh(100 + FRESH_MS + 1)).toBe(false);
    expect(circuit.sharedPart(100 + FRESH_MS + 1)).toBeUndefined();
  });

  it('rests until the time that Redis named, and then leaves it to Redis who tries', () => {
    const circuit = circuitThatSaw({ ...OPEN, restMs: 500 }, 100);
    expect(circuit.restMs(300)).toBe(300);
    expect(circuit.restMs(600)).toBe(0);
    expect(circuit.mustAsk(600)).toBe(true);
  });

  it('rests on when Redis goes away, then tries with one call, and longer if that fails', () => {
    const circuit = circuitThatSaw(OPEN, 0);
    expect(circuit.restMs(2_000)).toBe(1_000);
    expect(circuit.restMs(3_000)).toBe(0);
    expect(circuit.ownPart('a', 3_000, RULES)).toMatchObject({ probe: true });
    expect(circuit.ownPart('b', 3_000, RULES)).toBeUndefined();
    expect(circuit.restMs(3_000)).toBeGreaterThan(0);
    // It had opened twice in a row: the third rest is four times the first.
    circuit.ended('a', { epoch: 2, probe: true }, 'bad', BAD, 3_100, RULES);
    expect(circuit.restMs(3_100)).toBe(4_000);
  });

  it('knows better than a Redis that has lost it, and tells it how much of the rest is left', () => {
    const circuit = circuitThatSaw(OPEN, 100);
    const emptied = { ...CLOSED, dependency: 'storage' as const, epoch: 0 };
    expect(circuit.isAheadOf(emptied)).toBe(true);
    circuit.saw(emptied, 200);
    expect(circuit.restMs(200)).toBe(2_900);
    circuit.lose(1_000);
    expect(circuit.lastSeen(1_100)).toEqual({ state: 'open', epoch: 5, trips: 2, restMs: 2_000 });
    expect(circuit.lastSeen(9_000)).toMatchObject({ state: 'open', restMs: 0 });
    expect(new LocalCircuit().lastSeen(0)).toBeUndefined();
  });

  it('opens for this process when its calls fail, and says so once', () => {
    const circuit = circuitThatSaw(CLOSED, 0);
    expect([fail(circuit, 10), fail(circuit, 20)]).toEqual([false, true]);
    expect(circuit.state).toBe('open');
    expect(circuit.restMs(20)).toBe(1_000);
  });

  it.each([
    ['opens for all', OPEN],
    ['was reset', { ...CLOSED, epoch: 6 }],
  ])('forgets what it thought by itself when the shared one %s', (_what, view) => {
    const circuit = circuitThatSaw(CLOSED, 0);
    fail(circuit, 10);
    fail(circuit, 20);
    circuit.saw({ dependency: 'storage', ...view }, 30);
    circuit.saw({ dependency: 'storage', ...view, state: 'closed', restMs: 0 }, 40);
    expect(circuit.restMs(40)).toBe(0);
  });
});
