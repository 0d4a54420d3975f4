import { createHash } from 'node:crypto';
import type { Redis } from 'ioredis';
import { type BatchResults, Batcher } from '../batching/batcher';

/** What a script takes. */
export type ScriptArgument = string | number;

/** A Lua script that Redis is sent by its hash, and in full only when it does not know it. */
export class RedisScript {
  private readonly sha: string;

  constructor(private readonly lua: string) {
    this.sha = createHash('sha1').update(lua).digest('hex');
  }

  /** Runs it. Redis may have forgotten all scripts at any moment. */
  async run(redis: Redis, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    try {
      return await redis.evalsha(this.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error as Error).message.startsWith('NOSCRIPT')) throw error;
      return redis.eval(this.lua, keys.length, ...keys, ...args);
    }
  }

  /**
   * Runs it with its text sent along. What is sent later takes effect later, which {@link run} cannot say of calls under
   * way at the same time: if Redis has forgotten the script, one that comes again may be overtaken.
   */
  runInOrder(redis: Redis, keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return redis.eval(this.lua, keys.length, ...keys, ...args);
  }

  /**
   * Runs it between two looks at Redis' clock: how long it held everybody else up, in milliseconds. What a busy machine
   * makes of the way there and back is not in it.
   */
  async timed(
    redis: Redis,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<{ answer: unknown; ms: number }> {
    const call = redis
      .pipeline()
      .time()
      .evalsha(this.sha, keys.length, ...keys, ...args);
    const [before, answer, after] = (await call.time().exec()) ?? [];
    const error = before?.[0] ?? answer?.[0] ?? after?.[0];
    // The first of a run loads it, and is no measure of the others.
    if (error?.message.startsWith('NOSCRIPT')) return { answer: await this.run(redis, keys, args), ms: 0 };
    if (error) throw error;
    return { answer: answer?.[1], ms: millisecondsOf(after?.[1]) - millisecondsOf(before?.[1]) };
  }

  /** The script that runs this one for several callers, one after the other; an error is only that caller's. */
  forMany(): RedisScript {
    return new RedisScript(`
local function one(KEYS, ARGV)
${this.lua}
end
local answers, key, arg = {}, 0, 1
for call = 1, tonumber(ARGV[1]) do
  local keys, args = {}, {}
  local last_key, last_arg = key + tonumber(ARGV[arg + 1]), arg + 2 + tonumber(ARGV[arg + 2])
  for i = key + 1, last_key do keys[#keys + 1] = KEYS[i] end
  for i = arg + 3, last_arg do args[#args + 1] = ARGV[i] end
  key, arg = last_key, last_arg
  local ok, answer = pcall(one, keys, args)
  if not ok and type(answer) == 'table' then answer = answer.err end
  answers[call] = { ok and 1 or 0, answer }
end
return answers
`);
  }
}

/** What TIME answers: seconds, and the microseconds beyond them. */
function millisecondsOf(time: unknown): number {
  const [seconds = 0, microseconds = 0] = (time as string[]).map(Number);
  return 1_000 * seconds + microseconds / 1_000;
}

interface Call {
  readonly keys: readonly string[];
  readonly args: readonly ScriptArgument[];
}

/** Runs a script for all who ask at the same time in one round trip; who asks later is served later. */
export class ScriptBatch {
  private readonly many: RedisScript;
  private readonly way: 'run' | 'runInOrder';
  private readonly calls: Batcher<Call, unknown>;

  /** @param eager whether nobody waits for what others have under way, or for more to come; see {@link Batcher} */
  constructor(
    private readonly redis: Redis,
    private readonly script: RedisScript,
    { eager = false } = {},
  ) {
    this.many = script.forMany();
    this.way = eager ? 'runInOrder' : 'run';
    const lanes = eager ? Number.POSITIVE_INFINITY : 1;
    this.calls = new Batcher((calls) => this.send(calls), { lanes, eager });
  }

  /** What the script answers. */
  run(keys: readonly string[], args: readonly ScriptArgument[]): Promise<unknown> {
    return this.calls.push({ keys, args });
  }

  private async send(calls: readonly Call[]): Promise<BatchResults<unknown>> {
    const [only, ...others] = calls;
    if (only && others.length === 0) return [await this.script[this.way](this.redis, only.keys, only.args)];
    const keys = calls.flatMap((call) => call.keys);
    const args = calls.flatMap((call) => [call.keys.length, call.args.length, ...call.args]);
    const answers = (await this.many[this.way](this.redis, keys, [calls.length, ...args])) as [
      number,
      unknown,
    ][];
    return answers.map(([ok, answer]) => (ok === 1 ? answer : Promise.reject(new Error(String(answer)))));
  }
}
