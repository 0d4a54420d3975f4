import { getQueueToken } from '@nestjs/bull';
import { Injectable, type OnApplicationShutdown } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import Bull, { type Job } from 'bull';
import { Batcher } from '../../../platform/batching/batcher';
import { RedisService } from '../../../platform/redis/redis.service';
import { AGENTS } from '../../agents';
import { AgentRegistry } from '../agent-registry';
import { bullOptions } from './bull-options';
import type { StepQueue, StepTicket } from './bull-queue';

/** How many wait, run, are put off, and whether the queue is paused, as Bull has it. */
export interface QueueCounts {
  waiting: number;
  active: number;
  delayed: number;
  paused: boolean;
}

/** The Bull queues of the agents, one each: transport only, every decision is Postgres'. */
@Injectable()
export class StepQueues implements OnApplicationShutdown {
  private readonly opened = new Map<string, StepQueue>();
  private readonly own: StepQueue[] = [];
  private readonly pauses = new Batcher<string, boolean>((names) => this.readPauses(names));

  constructor(
    private readonly agents: AgentRegistry,
    private readonly modules: ModuleRef,
    private readonly redis: RedisService,
  ) {}

  /** Their names, which are the agents' ids, in the order of the graph; those of agents that are gone at the end. */
  get names(): readonly string[] {
    return this.agents.current().queues;
  }

  /** The queue of an agent. @throws Error if there is no such agent */
  get(name: string): StepQueue {
    const known = this.opened.get(name);
    if (known) return known;
    if (!this.names.includes(name)) throw new Error(`There is no queue ${name}`);
    const queue = this.ofModule(name) ?? this.open(name);
    this.opened.set(name, queue);
    return queue;
  }

  /** Ends those that no module has made, and will end. */
  async onApplicationShutdown(): Promise<void> {
    await Promise.all(this.own.map((queue) => queue.close()));
  }

  /** Found when first used: while the modules are put together, Bull's may not be made yet. */
  private ofModule(name: string): StepQueue | undefined {
    if (!AGENTS.some((agent) => agent.id === name)) return undefined;
    return this.modules.get<StepQueue>(getQueueToken(name), { strict: false });
  }

  /** Of an agent that was added while the process ran, or before it began. */
  private open(name: string): StepQueue {
    const queue = new Bull<StepTicket>(name, bullOptions(this.redis)) as StepQueue;
    this.own.push(queue);
    return queue;
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
    const names = this.names;
    for (const queue of names.map((name) => this.get(name)))
      pipeline
        .llen(queue.toKey('wait'))
        .llen(queue.toKey('paused'))
        .llen(queue.toKey('active'))
        .zcard(queue.toKey('delayed'))
        .exists(queue.toKey('meta-paused'));
    const replies = replied(await pipeline.exec()) as number[];
    return Object.fromEntries(
      names.map((name, index) => {
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
    if ((await this.isPaused(name)) === paused) return false;
    await (paused ? queue.pause() : queue.resume());
    return true;
  }

  /** Whether Bull holds a queue back; asked together for all who want to know at the same time. */
  isPaused(name: string): Promise<boolean> {
    return this.pauses.push(name);
  }

  /** As Queue.isPaused does it for Bull 4, which asks for BullMQ's way as well, in a transaction for each queue. */
  private async readPauses(names: readonly string[]): Promise<boolean[]> {
    const distinct = [...new Set(names)];
    const marks = await this.redis.client.mget(distinct.map((name) => this.get(name).toKey('meta-paused')));
    const paused = new Set(distinct.filter((_, i) => marks[i] !== null));
    return names.map((name) => paused.has(name));
  }
}

function replied(replies: [Error | null, unknown][] | null): unknown[] {
  return (replies ?? []).map(([error, value]) => {
    if (error) throw error;
    return value;
  });
}
