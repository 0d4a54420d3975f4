import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { RedisService } from '../../platform/redis/redis.service';
import { circuitState } from '../metrics';
import type { Dependency } from '../catalogue/action.decorator';
import { ADMIT_LUA, OPEN_LUA, RECORD_LUA, RESET_LUA } from './breaker.lua';

/** When a circuit opens, and for how long. Times in milliseconds but for the window. */
export interface CircuitRules {
  /** Over how many seconds failures are counted. */
  windowS: number;
  /** Fewer calls than this in the window decide nothing. */
  volume: number;
  /** From this share of failures on it opens, in percent. */
  failurePercent: number;
  /** How long it stays open at first; twice as long each time that a probe fails. */
  openMs: number;
  maxOpenMs: number;
  /** A probe that takes longer has failed. */
  probeMs: number;
}

/** The rules in force. */
export const CIRCUIT_RULES: CircuitRules = {
  windowS: 10,
  volume: 10,
  failurePercent: 50,
  openMs: 5_000,
  maxOpenMs: 60_000,
  probeMs: 20_000,
};

/** The permission to call a dependency once. */
export interface Permit {
  readonly id: string;
  readonly dependency: Dependency;
  readonly epoch: number;
  readonly probe: boolean;
}

/** What a call says about its dependency; `none`: nothing. */
export type CallResult = 'good' | 'bad' | 'none';

/** How a circuit stands. */
export interface CircuitState {
  readonly dependency: Dependency;
  readonly state: 'closed' | 'open' | 'probing';
  readonly epoch: number;
  /** Until it may be tried, in milliseconds; 0 unless it is open. */
  readonly retryInMs: number;
}

/** The circuits of all dependencies, one state for all processes, in Redis and by its clock. */
@Injectable()
export class CircuitStore {
  constructor(@Inject(RedisService) private readonly redis: RedisService) {}

  /** Asks for all of these at once. @returns permits for all, or which one refuses, and for how long */
  async admit(
    dependencies: readonly Dependency[],
    rules: CircuitRules = CIRCUIT_RULES,
  ): Promise<{ permits: Permit[] } | { refusedBy: Dependency; retryInMs: number }> {
    if (dependencies.length === 0) return { permits: [] };
    const id = randomUUID();
    const [refused = 0, retryInMs = 0, ...rest] = (await this.redis.client.eval(
      ADMIT_LUA,
      dependencies.length,
      ...dependencies.map((dependency) => this.stateKey(dependency)),
      id,
      rules.probeMs,
      rules.openMs,
      rules.maxOpenMs,
    )) as number[];
    const refusedBy = dependencies[refused - 1];
    if (refusedBy) {
      circuitState.set({ dependency: refusedBy }, 2);
      return { refusedBy, retryInMs };
    }
    const permits = dependencies.map((dependency, i) => ({
      id,
      dependency,
      epoch: rest[i * 2] ?? 0,
      probe: rest[i * 2 + 1] === 1,
    }));
    for (const { dependency, probe } of permits) circuitState.set({ dependency }, probe ? 1 : 0);
    return { permits };
  }

  /** Reports what came of a call. A result from before a change of state is ignored. @returns the state after it */
  async record(permit: Permit, result: CallResult, rules: CircuitRules = CIRCUIT_RULES): Promise<string> {
    return (await this.redis.client.eval(
      RECORD_LUA,
      2,
      ...this.keys(permit.dependency),
      permit.id,
      permit.epoch,
      result,
      rules.windowS,
      rules.volume,
      rules.failurePercent,
      rules.openMs,
      rules.maxOpenMs,
    )) as string;
  }

  /** Opens a circuit for so long, whatever was counted. */
  async open(dependency: Dependency, forMs: number): Promise<void> {
    await this.redis.client.eval(OPEN_LUA, 2, ...this.keys(dependency), forMs);
  }

  /** Closes a circuit, whatever was counted. */
  async reset(dependency: Dependency): Promise<void> {
    await this.redis.client.eval(RESET_LUA, 2, ...this.keys(dependency));
  }

  /** How the circuits stand. */
  async states(dependencies: readonly Dependency[]): Promise<CircuitState[]> {
    const now = await this.redis.client.time();
    const nowMs = Number(now[0]) * 1000 + Number(now[1]) / 1000;
    return Promise.all(
      dependencies.map(async (dependency) => {
        const [state, epoch, openedAt, openMs] = await this.redis.client.hmget(
          this.stateKey(dependency),
          'state',
          'epoch',
          'opened_at',
          'open_ms',
        );
        const left = state === 'open' ? Number(openedAt) + Number(openMs) - nowMs : 0;
        return {
          dependency,
          state: (state ?? 'closed') as CircuitState['state'],
          epoch: Number(epoch ?? 0),
          retryInMs: Math.max(0, Math.ceil(left)),
        };
      }),
    );
  }

  private keys(dependency: Dependency): [string, string] {
    return [this.stateKey(dependency), this.redis.key('circuit', dependency, 'results')];
  }

  private stateKey(dependency: Dependency): string {
    return this.redis.key('circuit', dependency);
  }
}
