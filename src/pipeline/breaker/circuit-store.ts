import { Inject, Injectable } from '@nestjs/common';
import { RedisService } from '../../platform/redis/redis.service';
import type { Dependency } from '../catalogue/action.decorator';
import { ADMIT_LUA, DESCRIBED, READ_LUA, RECORD_LUA, SETTLE_LUA, SYNC_LUA } from './breaker.lua';
import type { CallResult, CircuitChange, CircuitPhase, CircuitView, Counts } from './circuit';
import type { CircuitRules } from './circuit-rules';

/** A circuit as Redis answered, and how that answer changed it. */
export interface SharedCircuit extends CircuitView {
  readonly dependency: Dependency;
  readonly change?: CircuitChange;
}

/** A dependency with the rules of its circuit. */
export interface Ruled {
  readonly dependency: Dependency;
  readonly rules: CircuitRules;
}

/** What a process makes Redis take note of when it looks how a circuit stands. */
export interface Told {
  readonly dependency: Dependency;
  /** What the settings hold it at. */
  readonly forced: 'open' | 'closed' | null;
  /** How the process has seen it last, with the rest that is left of it; undefined if never. */
  readonly seen?: Pick<CircuitView, 'state' | 'epoch' | 'trips' | 'restMs'>;
}

/** What Redis says to a call that needs these dependencies. */
export interface SharedVerdict {
  /** The first that refuses; undefined: go ahead. */
  readonly refusedBy?: SharedCircuit;
  readonly circuits: readonly (SharedCircuit & { probe: boolean })[];
}

/** The circuits of all dependencies, one state for all processes, in Redis and by its clock. */
@Injectable()
export class CircuitStore {
  constructor(@Inject(RedisService) private readonly redis: RedisService) {}

  /** Asks for all of these at once; at most one call at a time is the probe of a circuit that had opened. */
  async admit(id: string, needed: readonly Ruled[]): Promise<SharedVerdict> {
    const answer = await this.run(
      ADMIT_LUA,
      needed.map(({ dependency }) => dependency),
      [id, ...needed.map(({ rules }) => JSON.stringify(rules))],
    );
    const [refused, ...rest] = answer;
    const circuits = needed.map(({ dependency }, i) => ({
      ...described(dependency, rest.slice(i * (DESCRIBED + 1) + 1)),
      probe: Number(rest[i * (DESCRIBED + 1)]) === 1,
    }));
    return { refusedBy: circuits[Number(refused) - 1], circuits };
  }

  /** Reports what a probe came to. One that is not the circuit's probe any more changes nothing. */
  async settle(
    { dependency, rules }: Ruled,
    probe: { id: string; epoch: number },
    result: CallResult,
  ): Promise<SharedCircuit> {
    const args = [probe.id, String(probe.epoch), result, JSON.stringify(rules)];
    return described(dependency, await this.run(SETTLE_LUA, [dependency], args));
  }

  /** Counts calls of a process that began in `epoch`; those of an earlier one are ignored. */
  async record(
    { dependency, rules }: Ruled,
    process: string,
    epoch: number,
    { all, bad, slow }: Counts,
  ): Promise<SharedCircuit> {
    const args = [process, epoch, all, bad, slow].map(String);
    return described(dependency, await this.run(RECORD_LUA, [dependency], [...args, JSON.stringify(rules)]));
  }

  /** Makes circuits what a version of the settings forces them to be, and puts back what was lost. @returns how they stand */
  async sync(version: number, told: readonly Told[]): Promise<SharedCircuit[]> {
    const dependencies = told.map(({ dependency }) => dependency);
    const args = told.map(({ forced, seen }) => {
      const { state = 'closed', epoch = 0, trips = 0, restMs = 0 } = seen ?? {};
      return JSON.stringify({ forced: forced ?? '', state, epoch, trips, rest_ms: restMs });
    });
    return this.all(dependencies, await this.run(SYNC_LUA, dependencies, [String(version), ...args]));
  }

  /** How circuits stand. */
  async states(dependencies: readonly Dependency[]): Promise<SharedCircuit[]> {
    return this.all(dependencies, await this.run(READ_LUA, dependencies, []));
  }

  private async run(script: string, dependencies: readonly Dependency[], args: string[]): Promise<unknown[]> {
    const keys = dependencies.flatMap((dependency) => [
      this.redis.key('circuit', dependency),
      this.redis.key('circuit', dependency, 'results'),
    ]);
    return (await this.redis.client.eval(script, keys.length, ...keys, ...args)) as unknown[];
  }

  private all(dependencies: readonly Dependency[], answer: readonly unknown[]): SharedCircuit[] {
    return dependencies.map((dependency, i) => described(dependency, answer.slice(i * DESCRIBED)));
  }
}

function described(dependency: Dependency, values: readonly unknown[]): SharedCircuit {
  const [state, epoch, restMs, trips, forced, openUntil, change] = values as string[];
  return {
    dependency,
    state: state as CircuitPhase,
    epoch: Number(epoch),
    restMs: Number(restMs),
    trips: Number(trips),
    forced: forced === 'open' || forced === 'closed' ? forced : null,
    openUntil: Number(openUntil),
    change: change ? (change as CircuitChange) : undefined,
  };
}
