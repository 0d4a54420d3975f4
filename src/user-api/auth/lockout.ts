import { Inject, Injectable } from '@nestjs/common';
import { createHash, randomUUID } from 'node:crypto';
import { AppError } from '../../platform/errors/app-error';
import { RedisService } from '../../platform/redis/redis.service';
import { RuntimeSettings } from '../../platform/settings/runtime-settings';

/** How long an attempt that a dead process began counts as being evaluated, in milliseconds. */
const ATTEMPT_MS = 15_000;
/** Wrong passwords on an account, from anywhere, that are free of delay. */
const FREE_FAILURES = 5;
const DELAY_STEP_MS = 200;
const MAX_DELAY_MS = 2_000;

/**
 * Admits an attempt only if, with all that are being evaluated, the account + address stays below its limit:
 * twenty parallel guesses are no more than five. Keys: failures, attempts under way, failures of the account.
 */
const BEGIN = `
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local limit = tonumber(ARGV[1])
local failures = tonumber(redis.call('GET', KEYS[1]) or '0')
if failures >= limit then return { 'locked', redis.call('PTTL', KEYS[1]), 0 } end
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', now)
if failures + redis.call('ZCARD', KEYS[2]) >= limit then return { 'busy', 1000, 0 } end
redis.call('ZADD', KEYS[2], now + tonumber(ARGV[3]), ARGV[2])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return { 'admitted', 0, tonumber(redis.call('GET', KEYS[3]) or '0') }
`;

/** Also notes for the account which address it was: a lock is ended for all of them. */
const FAILED = `
redis.call('ZREM', KEYS[2], ARGV[1])
local failures = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
redis.call('INCR', KEYS[3])
redis.call('PEXPIRE', KEYS[3], ARGV[2])
redis.call('SADD', KEYS[4], KEYS[1])
redis.call('PEXPIRE', KEYS[4], ARGV[2])
return failures
`;

/** KEYS: per account the addresses that failed. ARGV: the limit. Answers from how many addresses each is locked. */
const LOCKED = `
local locked = {}
for i, pairs in ipairs(KEYS) do
  locked[i] = 0
  for _, key in ipairs(redis.call('SMEMBERS', pairs)) do
    if tonumber(redis.call('GET', key) or '0') >= tonumber(ARGV[1]) then locked[i] = locked[i] + 1 end
  end
end
return locked
`;

/** Forgets all failures of an account. KEYS: the addresses that failed, failures of the account. */
const RELEASE = `
local failed = redis.call('SMEMBERS', KEYS[1])
for _, key in ipairs(failed) do redis.call('DEL', key) end
redis.call('DEL', KEYS[1], KEYS[2])
return #failed
`;

/** Failures of account and address, attempts under way, failures of the account, addresses that failed. */
type AttemptKeys = [pair: string, attempts: string, account: string, pairs: string];

/** An attempt that may be evaluated. Ends with `succeeded` or `failed`. */
export interface Attempt {
  id: string;
  keys: AttemptKeys;
  /** How long to wait before looking at the password: guessing one account from many addresses is slow. */
  delayMs: number;
}

/**
 * Counts wrong passwords per account and address, over all processes. An account need not exist, so that
 * those which do cannot be told from those which do not.
 */
@Injectable()
export class Lockout {
  constructor(
    @Inject(RedisService) private readonly redis: RedisService,
    @Inject(RuntimeSettings) private readonly settings: RuntimeSettings,
  ) {}

  /** @throws AppError ACCOUNT_LOCKED with the time until the lock ends */
  async begin(account: string, address: string): Promise<Attempt> {
    const id = randomUUID();
    const keys = this.keys(account, address);
    const [verdict, waitMs, accountFailures] = (await this.redis.client.eval(
      BEGIN,
      4,
      ...keys,
      this.settings.current().auth.lockout_failures,
      id,
      ATTEMPT_MS,
    )) as [string, number, number];
    if (verdict === 'locked' || verdict === 'busy')
      throw new AppError('ACCOUNT_LOCKED', undefined, { retryAfterS: Math.max(1, Math.ceil(waitMs / 1000)) });
    const excess = Math.max(0, accountFailures - FREE_FAILURES);
    return { id, keys, delayMs: Math.min(MAX_DELAY_MS, excess * DELAY_STEP_MS) };
  }

  /** Forgets the failures of the account from this address. */
  async succeeded(attempt: Attempt): Promise<void> {
    const [failures, attempts, account] = attempt.keys;
    await this.redis.client.multi().del(failures, account).zrem(attempts, attempt.id).exec();
  }

  /** Counts a wrong password. @returns whether this one made the lock */
  async failed(attempt: Attempt): Promise<boolean> {
    const { lockout_failures, lockout_s } = this.settings.current().auth;
    const failures = await this.redis.client.eval(FAILED, 4, ...attempt.keys, attempt.id, lockout_s * 1000);
    return failures === lockout_failures;
  }

  /** From how many addresses each of the accounts is locked out at the moment. */
  async locked(accounts: readonly string[]): Promise<number[]> {
    if (accounts.length === 0) return [];
    const keys = accounts.map((account) => this.accountKeys(account).pairs);
    const limit = this.settings.current().auth.lockout_failures;
    return (await this.redis.client.eval(LOCKED, keys.length, ...keys, limit)) as number[];
  }

  /** Ends the lock of an account for all addresses, and forgets its failures. */
  async release(account: string): Promise<void> {
    const { pairs, failures } = this.accountKeys(account);
    await this.redis.client.eval(RELEASE, 2, pairs, failures);
  }

  private keys(account: string, address: string): AttemptKeys {
    const pair = digest(`${account.length}:${account}${address}`);
    const { pairs, failures } = this.accountKeys(account);
    return [
      this.redis.key('lockout', 'failures', pair),
      this.redis.key('lockout', 'attempts', pair),
      failures,
      pairs,
    ];
  }

  private accountKeys(account: string): { pairs: string; failures: string } {
    const name = digest(account);
    return {
      pairs: this.redis.key('lockout', 'pairs', name),
      failures: this.redis.key('lockout', 'account', name),
    };
  }
}

/** Names and addresses are personal, and must not be able to shape a key. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
