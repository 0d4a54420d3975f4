import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { RedisService } from '../../platform/redis/redis.service';
import { RedisScript, ScriptBatch } from '../../platform/redis/script';
import type { LimitKind } from '../../platform/settings/limit.settings';
import { RATE_LIMIT_LUA } from './rate-limit.lua';

const SCRIPT = new RedisScript(RATE_LIMIT_LUA);

/** One limit that a request must keep to. */
export interface LimitPolicy {
  /** As the headers and the 429 name it. */
  readonly name: string;
  readonly kind: LimitKind;
  /** Whose requests are counted together. */
  readonly key: readonly string[];
  readonly limit: number;
  readonly windowS: number;
  /** How much of the limit the request uses up; not given where each request counts as one. */
  readonly cost?: number;
}

/** How a policy stands after a request. */
export interface LimitState {
  readonly policy: LimitPolicy;
  readonly remaining: number;
  /** Until more becomes available, in seconds, rounded up. */
  readonly resetS: number;
}

/** Whether a request may go on. */
export interface LimitVerdict {
  readonly states: readonly LimitState[];
  /** The first policy that is used up; undefined if the request is admitted. Refused ones are not counted. */
  readonly violated?: LimitPolicy;
  /** After so many seconds the request will be admitted; 0 if it was. */
  readonly retryAfterS: number;
}

/** Counts requests in Redis, by Redis' clock, all policies of all requests of the moment in one call. */
@Injectable()
export class RateLimiter {
  private readonly script: ScriptBatch;

  constructor(@Inject(RedisService) private readonly redis: RedisService) {
    this.script = new ScriptBatch(redis.client, SCRIPT);
  }

  /**
   * Admits a request under all of the policies, or under none.
   *
   * @throws if Redis is away; the caller decides what that means
   */
  consume(policies: readonly LimitPolicy[]): Promise<LimitVerdict> {
    return this.run(policies, ({ cost }) => cost ?? 1);
  }

  /** How the policies stand, without counting anything. */
  peek(policies: readonly LimitPolicy[]): Promise<LimitVerdict> {
    return this.run(policies, () => 0);
  }

  private async run(
    policies: readonly LimitPolicy[],
    costOf: (policy: LimitPolicy) => number,
  ): Promise<LimitVerdict> {
    const keys = policies.map((policy) => this.keyOf(policy));
    const rules = policies.flatMap((policy) => [
      countedAs(policy),
      policy.limit,
      policy.windowS * 1_000_000,
      costOf(policy),
    ]);
    const [violated, waitUs, ...states] = (await this.script.run(keys, [randomUUID(), ...rules])) as number[];
    return {
      states: policies.map((policy, i) => ({
        policy,
        remaining: states[i * 2] ?? 0,
        resetS: Math.ceil((states[i * 2 + 1] ?? 0) / 1_000_000),
      })),
      violated: violated ? policies[violated - 1] : undefined,
      retryAfterS: violated ? Math.max(1, Math.ceil((waitUs ?? 0) / 1_000_000)) : 0,
    };
  }

  /** Parts are escaped: `a:b` and `c` must not be counted with `a` and `b:c`. */
  private keyOf(policy: LimitPolicy): string {
    return this.redis.key('limit', countedAs(policy), ...policy.key.map(encodeURIComponent));
  }
}

function countedAs({ kind, cost }: LimitPolicy): string {
  return kind === 'sliding' && cost !== undefined ? 'weighted' : kind;
}

/** The headers of draft-ietf-httpapi-ratelimit-headers that tell a client where it stands. */
export function limitHeaders(verdict: LimitVerdict): Record<string, string> {
  const headers: Record<string, string> = {
    'RateLimit-Policy': verdict.states
      .map(({ policy }) => `"${policy.name}";q=${policy.limit};w=${policy.windowS}`)
      .join(', '),
    RateLimit: verdict.states
      .map(({ policy, remaining, resetS }) => `"${policy.name}";r=${remaining};t=${resetS}`)
      .join(', '),
  };
  if (verdict.violated) headers['Retry-After'] = String(verdict.retryAfterS);
  return headers;
}
