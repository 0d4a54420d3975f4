import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import { CircuitBreakerSettings } from '../../platform/settings/circuit-breaker.settings';
import { Settings } from '../../platform/settings/settings';
import { DEPENDENCIES } from '../catalogue/action.decorator';
import { circuitRules } from './circuit-rules';

const read = (circuit_breaker: object) =>
  plainToInstance(Settings, { circuit_breaker }, { exposeDefaultValues: true });
const faults = (circuit_breaker: object) =>
  validateSync(read(circuit_breaker), { whitelist: true, forbidNonWhitelisted: true });

describe('the rules of a circuit', () => {
  it('are its own where it has some, else those of all', () => {
    const settings = read({ volume: 7, dependencies: { queue: { window_s: 2, volume: 3 } } }).circuit_breaker;
    expect(circuitRules(settings, 'queue')).toMatchObject({
      window_ms: 2_000,
      volume: 3,
      failure_percent: 50,
    });
    expect(circuitRules(settings, 'postgres')).toMatchObject({ window_ms: 10_000, volume: 7 });
  });

  it('can be set, and forced, for every dependency that actions have', () => {
    const all = (value: unknown) => Object.fromEntries(DEPENDENCIES.map((name) => [name, value]));
    expect(faults({ dependencies: all({ open_ms: 500 }), forced: all('open') })).toEqual([]);
    expect(Object.keys(new CircuitBreakerSettings().forced).sort()).toEqual([...DEPENDENCIES].sort());
  });

  it.each([
    [{ volume: 0 }],
    [{ failure_percent: 101 }],
    [{ open_ms: 1.5 }],
    [{ dependencies: { queue: { probe_ms: 0 } } }],
    [{ dependencies: { nothing: { volume: 1 } } }],
    [{ forced: { queue: 'ajar' } }],
    [{ forced: { nothing: 'open' } }],
  ])('cannot be %j', (settings) => {
    expect(faults(settings)).not.toEqual([]);
  });
});
