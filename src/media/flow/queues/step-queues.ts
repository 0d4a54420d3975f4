import { getQueueToken } from '@nestjs/bull';
import { Injectable } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import type { Job, JobOptions } from 'bull';
import { Batcher } from '../../../platform/batching/batcher';
import { RedisService } from '../../../platform/redis/redis.service';
import { AgentRegistry } from '../agent-registry';
import type { MovedStep } from '../transitions';
import { type StepQueue, type StepTicket, TICKET_NAME, ticketId } from './bull-queue';

/** How many wait, run, are put off, and whether the queue is paused, as Bull has it. */
export interface QueueCounts {
  waiting: number;
  active: number;
  delayed: number;
  paused: boolean;
}

/**
 * Says which of the given entries Redis no longer has, and clears the remains of damaged ones: a hash without
 * data is left when a flush met a worker in mid-take; one that was taken but whose lock is gone belonged to a
 * worker that died before it could claim.
 */
const MISSING = `
local prefix, missing = KEYS[1], {}
for i, id in ipairs(ARGV) do
  local key = prefix .. id
  local entry = redis.call('HMGET', key, 'data', 'processedOn', 'finishedOn')
  local taken = entry[2] and redis.call('EXISTS', key .. ':lock') == 0
  if not entry[1] or entry[3] or taken then
    redis.call('LREM', prefix .. 'active', 0, id)
    redis.call('ZREM', prefix .. 'failed', id)
    redis.call('ZREM', prefix .. 'completed', id)
    redis.call('DEL', key)
    missing[#missing + 1] = i
  end
end
return missing
`;

/** The Bull queues of the agents, one each: transport only, every decision is Postgres'. */
@Injectable()
export class StepQueues {
  /** Their names, which are the agents' ids, in the order of the graph. */
  readonly names: readonly string[];
  private resolved?: ReadonlyMap<string, StepQueue>;
  private readonly pauses = new Batcher<string, boolean>((names) => this.readPauses(names));

  constructor(
    agents: AgentRegistry,
    private readonly modules: ModuleRef,
    private readonly redis: RedisService,
  ) {
    this.names = agents.ids;
  }

  /** The queue of an agent. @throws Error if there is no such agent */
  get(name: string): StepQueue {
    const queue = this.queues.get(name);
    if (!queue) throw new Error(`There is no queue ${name}`);
    return queue;
  }

  /** Found when first used: while the modules are put together, Bull's may not be made yet. */
  private get queues(): ReadonlyMap<string, StepQueue> {
    this.resolved ??= new Map(
      this.names.map((name) => [name, this.modules.get<StepQueue>(getQueueToken(name), { strict: false })]),
    );
    return this.resolved;
  }

  /** Puts steps into their queues; what is there already stays as it is. */
  async add(steps: readonly MovedStep[]): Promise<void> {
    const now = Date.now();
    for (const [name, ofAgent] of groupByAgent(steps)) {
      await this.get(name).addBulk(
        ofAgent.map((step) => {
          const attempt = step.attempt + 1;
          const data = { step_id: step.id, job_id: step.job_id, attempt };
          const opts: JobOptions = {
            jobId: ticketId(step.id, attempt),
            priority: step.priority,
            delay: Math.max(0, step.not_before.getTime() - now),
          };
          return { name: TICKET_NAME, data, opts };
        }),
      );
    }
  }

  /** Those of the steps whose entry Redis has lost. */
  async missing<T extends MovedStep>(steps: readonly T[]): Promise<T[]> {
    const missing: T[] = [];
    for (const [name, ofAgent] of groupByAgent(steps)) {
      const ids = ofAgent.map((step) => ticketId(step.id, step.attempt + 1));
      const indexes = (await this.redis.client.eval(
        MISSING,
        1,
        this.get(name).toKey(''),
        ...ids,
      )) as number[];
      for (const index of indexes) {
        const step = ofAgent[index - 1];
        if (step) missing.push(step);
      }
    }
    return missing;
  }

  /**
   * Takes the most urgent entry of these queues; between equals the agent that is further down the graph goes
   * first, so that jobs get finished before more are begun. Undefined if nothing waits.
   */
  async take(names: readonly string[] = this.names): Promise<Job<StepTicket> | undefined> {
    const heads = this.redis.client.pipeline();
    for (const queue of names.map((name) => this.get(name)))
      heads.llen(queue.toKey('wait')).zrange(queue.toKey('priority'), 0, 0, 'WITHSCORES');
    const replies = replied(await heads.exec());
    const candidates = names
      .map((name, index) => ({
        name,
        index,
        waiting: replies[2 * index] as number,
        priority: Number((replies[2 * index + 1] as string[])[1] ?? 0),
      }))
      .filter((head) => head.waiting > 0)
      .sort((a, b) => a.priority - b.priority || b.index - a.index);
    for (const { name } of candidates) {
      const entry = await this.get(name).moveToActive();
      if (entry) return entry;
    }
    return undefined;
  }

  /** All counts in one round trip. */
  async counts(): Promise<Record<string, QueueCounts>> {
    const pipeline = this.redis.client.pipeline();
    for (const queue of this.names.map((name) => this.get(name)))
      pipeline
        .llen(queue.toKey('wait'))
        .llen(queue.toKey('paused'))
        .llen(queue.toKey('active'))
        .zcard(queue.toKey('delayed'))
        .exists(queue.toKey('meta-paused'));
    const replies = replied(await pipeline.exec()) as number[];
    return Object.fromEntries(
      this.names.map((name, index) => {
        const [wait = 0, held = 0, active = 0, delayed = 0, paused = 0] = replies.slice(
          5 * index,
          5 * index + 5,
        );
        return [name, { waiting: wait + held, active, delayed, paused: paused === 1 }];
      }),
    );
  }

  /**
   * Makes Bull pause or take up a queue, if it does not already: Bull renames lists here, and doing so twice
   * could drop one. Answers whether something changed.
   */
  async setPaused(name: string, paused: boolean): Promise<boolean> {
    const queue = this.get(name);
    if ((await this.pauses.push(name)) === paused) return false;
    await (paused ? queue.pause() : queue.resume());
    return true;
  }

  /** As Queue.isPaused does it for Bull 4, which asks for BullMQ's way as well, in a transaction for each queue. */
  private async readPauses(names: readonly string[]): Promise<boolean[]> {
    const distinct = [...new Set(names)];
    const marks = await this.redis.client.mget(distinct.map((name) => this.get(name).toKey('meta-paused')));
    const paused = new Set(distinct.filter((_, i) => marks[i] !== null));
    return names.map((name) => paused.has(name));
  }

  /** Removes the entries of these steps, unless a worker is taking them right now. */
  async remove(steps: readonly MovedStep[]): Promise<number> {
    let removed = 0;
    for (const [name, ofAgent] of groupByAgent(steps)) {
      const queue = this.get(name);
      const entries = await Promise.all(
        ofAgent.map((step) => queue.getJob(ticketId(step.id, step.attempt + 1))),
      );
      for (const entry of entries) {
        if (!entry) continue;
        // A taken entry is locked and cannot be removed; its claim finds the step cancelled.
        const gone = await entry.remove().then(
          () => true,
          () => false,
        );
        if (gone) removed += 1;
      }
    }
    return removed;
  }
}

function groupByAgent<T extends { agent: string }>(steps: readonly T[]): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const step of steps) groups.set(step.agent, [...(groups.get(step.agent) ?? []), step]);
  return groups;
}

function replied(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error) throw error;
    return value;
  });
}
