import type {
  CircuitBreakerSettings,
  CircuitOverride,
} from '../../platform/settings/circuit-breaker.settings';
import type { Dependency } from '../catalogue/action.decorator';

/** When a circuit opens, and for how long. As the Lua scripts read them; times in milliseconds. */
export interface CircuitRules {
  /** Over how long calls are counted. */
  readonly window_ms: number;
  /** Fewer calls than this in the window decide nothing. */
  readonly volume: number;
  /** From this share of failures on it opens, in percent. */
  readonly failure_percent: number;
  /** A call that takes at least this long is slow. */
  readonly slow_call_ms: number;
  /** From this share of slow calls on it opens, in percent. */
  readonly slow_percent: number;
  /** How long it stays open at first; twice as long each time that a probe fails. */
  readonly open_ms: number;
  readonly max_open_ms: number;
  /** A probe that takes longer has failed. */
  readonly probe_ms: number;
}

/** The rules of a dependency: its own where it has some, else those of all. */
export function circuitRules(settings: CircuitBreakerSettings, dependency: Dependency): CircuitRules {
  const own: CircuitOverride = settings.dependencies[dependency] ?? {};
  return {
    window_ms: (own.window_s ?? settings.window_s) * 1000,
    volume: own.volume ?? settings.volume,
    failure_percent: own.failure_percent ?? settings.failure_percent,
    slow_call_ms: own.slow_call_ms ?? settings.slow_call_ms,
    slow_percent: own.slow_percent ?? settings.slow_percent,
    open_ms: own.open_ms ?? settings.open_ms,
    max_open_ms: own.max_open_ms ?? settings.max_open_ms,
    probe_ms: own.probe_ms ?? settings.probe_ms,
  };
}
