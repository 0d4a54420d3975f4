import { Inject, Injectable } from '@nestjs/common';
import { randomUUID } from 'node:crypto';
import { type BatchResults, Batcher } from '../../platform/batching/batcher';
import { RedisService } from '../../platform/redis/redis.service';
import { RedisScript } from '../../platform/redis/script';
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

/** A request as the script is given it. */
interface Counted {
  readonly keys: readonly string[];
  /** Per policy its kind, limit, window and what the request costs. */
  readonly rules: readonly (string | number)[];
}

/** Per request either numbers, or the text of what went wrong. */
type Answers = readonly (readonly number[] | string)[];

/** Counts requests in Redis, by Redis' clock, all policies of all requests of the moment in one call. */
@Injectable()
export class RateLimiter {
  private readonly calls = new Batcher<Counted, readonly number[]>((requests) => this.send(requests));

  constructor(@Inject(RedisService) private readonly redis: RedisService) {}

  /**
   * Admits a request under all of the policies, or under none.
   *
   * @throws if Redis is away; the caller decides what that means
   */
  consume(policies: readonly LimitPolicy[]): Promise<LimitVerdict> {
    return this.run(policies, false);
  }

  /** How the policies stand, without counting anything. */
  peek(policies: readonly LimitPolicy[]): Promise<LimitVerdict> {
    return this.run(policies, true);
  }

  private async run(policies: readonly LimitPolicy[], peeking: boolean): Promise<LimitVerdict> {
    const keys: string[] = [];
    const rules: (string | number)[] = [];
    for (const policy of policies) {
      const kind = countedAs(policy);
      keys.push(this.keyOf(kind, policy));
      rules.push(kind, policy.limit, policy.windowS * 1_000_000, peeking ? 0 : (policy.cost ?? 1));
    }
    const [violated, waitUs = 0, ...states] = await this.calls.push({ keys, rules });
    return {
      states: policies.map((policy, i) => ({
        policy,
        remaining: states[i * 2] ?? 0,
        resetS: Math.ceil((states[i * 2 + 1] ?? 0) / 1_000_000),
      })),
      violated: violated ? policies[violated - 1] : undefined,
      retryAfterS: violated ? Math.max(1, Math.ceil(waitUs / 1_000_000)) : 0,
    };
  }

  /** Most requests of a moment are under the same rules, which are sent once. */
  private async send(requests: readonly Counted[]): Promise<BatchResults<readonly number[]>> {
    const sets = new Map<string, number>();
    const rules: (string | number)[] = [];
    const calls: (string | number)[] = [];
    for (const request of requests) {
      const text = request.rules.join(' ');
      let set = sets.get(text);
      if (set === undefined) {
        sets.set(text, (set = sets.size + 1));
        rules.push(request.keys.length, ...request.rules);
      }
      calls.push(set, randomUUID());
    }
    const keys = requests.flatMap((request) => request.keys);
    const answers = (await SCRIPT.run(this.redis.client, keys, [sets.size, ...rules, ...calls])) as Answers;
    return answers.map((answer) =>
      typeof answer === 'string' ? Promise.reject<readonly number[]>(new Error(answer)) : answer,
    );
  }

  /** Parts are escaped: `a:b` and `c` must not be counted with `a` and `b:c`. */
  private keyOf(kind: string, policy: LimitPolicy): string {
    return this.redis.key('limit', kind, ...policy.key.map(encodeURIComponent));
  }
}

/** What keeps count of a policy in Redis. */
function countedAs({ kind, cost }: LimitPolicy): string {
  if (kind !== 'sliding') return kind;
  return cost === undefined ? 'log' : 'weighted';
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
