import 'reflect-metadata';
import { Body, Controller, Headers, HttpCode, Module, Post } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import Bull from 'bull';
import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';
import { Pool } from 'pg';

/*
 * The action as one would write it without a second thought, on the same framework: the gate in Redis, the intent,
 * the effect, the outcome, one after the other and each a commit of its own. It knows who asks for free. Arguments:
 * the database, Redis, the size of the pool.
 */

const [, , connectionString, redisUrl = '', max] = process.argv;
const pool = new Pool({ connectionString, max: Number(max), idleTimeoutMillis: 0 });
const redis = new Redis(redisUrl);
const queues = new Map<string, Bull.Queue>();

/** A fixed window, and the idempotency key. */
const GATE = `
local used = redis.call('INCR', KEYS[1])
if used == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
if used > tonumber(ARGV[2]) then return 0 end
if redis.call('SET', KEYS[2], ARGV[3], 'NX', 'PX', ARGV[4]) then return 1 end
return 2
`;
redis.defineCommand('gate', { numberOfKeys: 2, lua: GATE });
const gate = redis as unknown as { gate: (...args: (string | number)[]) => Promise<number> };

interface ActionBody {
  action: string;
  payload: { queue: string };
}

@Controller('api/admin/action')
class NaiveController {
  @Post()
  @HttpCode(200)
  async run(@Body() { action, payload }: ActionBody, @Headers('x-idempotency-key') key: string) {
    const rid = randomUUID();
    const verdict = await gate.gate('naive:rate:u1', `naive:key:u1:${key}`, 60_000, 1e9, rid, 3_600_000);
    if (verdict !== 1) throw new Error(`the gate said ${verdict}`);
    await pool.query({
      name: 'intent',
      text: 'INSERT INTO bench_audit (rid, actor, action, queue, params) VALUES ($1, $2, $3, $4, $5)',
      values: [rid, 'u1', action, payload.queue, payload],
    });
    const changed = await effect(payload.queue, action === 'queue.pause');
    await pool.query({
      name: 'outcome',
      text: "UPDATE bench_audit SET state = 'ok', outcome = $2, done_at = now() WHERE rid = $1",
      values: [rid, { changed }],
    });
    return { success: true, data: { queue: payload.queue, changed }, execution_id: rid };
  }
}

/** The same effect as the product's: Postgres says whether a queue is paused, and Bull follows. */
async function effect(name: string, paused: boolean): Promise<boolean> {
  const { rowCount } = await pool.query({
    name: 'effect',
    text: 'UPDATE bench_queues SET paused = $2 WHERE name = $1 AND paused <> $2',
    values: [name, paused],
  });
  const queue = queues.get(name) ?? new Bull(name, redisUrl, { prefix: 'naive' });
  queues.set(name, queue);
  if ((await queue.isPaused()) !== paused) await (paused ? queue.pause() : queue.resume());
  return rowCount === 1;
}

@Module({ controllers: [NaiveController] })
class NaiveModule {}

async function main(): Promise<void> {
  const app = await NestFactory.create(NaiveModule, new FastifyAdapter(), { logger: ['error'] });
  await app.listen(0, '127.0.0.1');
  process.send?.(Number(new URL(await app.getUrl()).port));
}

process.on('disconnect', () => process.exit(0));
void main();
