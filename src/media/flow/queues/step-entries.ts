import { Injectable } from '@nestjs/common';
import type { RedisScript, ScriptArgument } from '../../../platform/redis/script';
import { RedisService } from '../../../platform/redis/redis.service';
import { groupBy } from '../group-by';
import type { MovedStep } from '../transitions';
import { TICKET_NAME, ticketId } from './bull-queue';
import { ChunkSize } from './chunk-size';
import { ADD, COMPARE, REMOVE, REPRIORITISE } from './entry-scripts';
import { StepQueues } from './step-queues';

/** How long one call may hold up everybody else who uses Redis, in milliseconds. */
const STALL_MS = 5;
/** Entries of a waiting list that are looked at in one call. */
const WINDOW = 4_000;

/** The part of a step that its entry is made of. */
export type EntryStep = Pick<MovedStep, 'id' | 'job_id' | 'agent' | 'attempt' | 'priority' | 'not_before'>;

/** Where a walk over the waiting lists has come to, by queue: what lies before has been looked at. */
export type Walk = Map<string, number>;

/**
 * The entries of steps in Bull's queues. Everything is done to many at a time, by scripts over chosen ids, in calls
 * that are as long as others can wait; each call leaves the queue whole.
 */
@Injectable()
export class StepEntries {
  private readonly size = new ChunkSize({ targetMs: STALL_MS, least: 50, most: 1_000 });

  constructor(
    private readonly queues: StepQueues,
    private readonly redis: RedisService,
  ) {}

  /** Puts steps into their queues; what is there already stays as it is. */
  async add(steps: readonly EntryStep[]): Promise<void> {
    const now = Date.now();
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent))
      await this.inChunks(sortedByPriority(ofAgent), (chunk) =>
        this.run(ADD, queue, [
          now,
          TICKET_NAME,
          ...chunk.flatMap((step) => {
            const delay = Math.max(0, step.not_before.getTime() - now);
            const attempt = step.attempt + 1;
            const data = { step_id: step.id, job_id: step.job_id, attempt };
            return [idOf(step), JSON.stringify(data), optionsOf(step, now, delay), step.priority, delay];
          }),
        ]),
      );
  }

  /**
   * Removes the entries of these steps, unless a worker is taking them right now.
   *
   * @param walk where to look first; kept up to date for the next call of the same run
   * @returns how many were removed
   */
  async remove(steps: readonly EntryStep[], walk: Walk = new Map()): Promise<number> {
    let removed = 0;
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent))
      await this.inChunks(ofAgent, async (chunk) => {
        removed += await this.removeChunk(queue, chunk.map(idOf), walk);
      });
    return removed;
  }

  /** Gives the entries the priority of their steps; how many there were. */
  async reprioritise(steps: readonly EntryStep[]): Promise<number> {
    let changed = 0;
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent))
      for (const step of ofAgent) {
        const args = [idOf(step), step.priority, optionsOf(step, Date.now(), 0)];
        changed += Number(await this.run(REPRIORITISE, queue, args));
      }
    return changed;
  }

  /** Those of the steps whose entry Redis has lost, and those whose entry waits with another priority. */
  async compare<T extends EntryStep>(steps: readonly T[]): Promise<{ missing: T[]; misplaced: T[] }> {
    const found: { missing: T[]; misplaced: T[] } = { missing: [], misplaced: [] };
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent)) {
      const args = ofAgent.flatMap((step) => [idOf(step), step.priority]);
      const [missing, misplaced] = (await this.run(COMPARE, queue, args)) as [number[], number[]];
      found.missing.push(...ofAgent.filter((_step, index) => missing.includes(index + 1)));
      found.misplaced.push(...ofAgent.filter((_step, index) => misplaced.includes(index + 1)));
    }
    return found;
  }

  private async removeChunk(queue: string, ids: readonly string[], walk: Walk): Promise<number> {
    const begun = walk.get(queue) ?? 0;
    let skip = begun;
    let removed = 0;
    // What workers took meanwhile has moved the list: what was not found from there on may lie before it.
    for (let again = begun > 0; ;) {
      const answer = (await this.run(REMOVE, queue, [skip, WINDOW, ...ids])) as number[];
      const [gone = 0, waiting = 0, kept = 0, atEnd = 1] = answer;
      removed += gone;
      if (waiting === 0) break;
      skip += kept;
      if (atEnd === 0) continue;
      if (!again) break;
      again = false;
      skip = 0;
    }
    walk.set(queue, skip);
    return removed;
  }

  private async inChunks<T>(items: readonly T[], work: (chunk: T[]) => Promise<unknown>): Promise<void> {
    for (let from = 0; from < items.length;) {
      const chunk = items.slice(from, from + this.size.current);
      const startedAt = performance.now();
      await work(chunk);
      this.size.took(performance.now() - startedAt, chunk.length);
      from += chunk.length;
    }
  }

  private run(script: RedisScript, queue: string, args: readonly ScriptArgument[]): Promise<unknown> {
    return script.run(this.redis.client, [this.queues.get(queue).toKey('')], args);
  }
}

function idOf(step: EntryStep): string {
  return ticketId(step.id, step.attempt + 1);
}

/** What Bull keeps as an entry's options; see bull-options.ts. */
function optionsOf(step: EntryStep, timestamp: number, delay: number): string {
  return JSON.stringify({
    jobId: idOf(step),
    priority: step.priority,
    delay,
    timestamp,
    attempts: 1,
    removeOnComplete: true,
    removeOnFail: true,
  });
}

/** The order of equals stays as it is. */
function sortedByPriority(steps: readonly EntryStep[]): EntryStep[] {
  return [...steps].sort((a, b) => a.priority - b.priority);
}
