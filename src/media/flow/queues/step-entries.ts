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
/** Entries of a waiting list that are looked at in one call, at most. */
const WINDOW = 4_000;

/** The part of a step that its entry is made of. */
export type EntryStep = Pick<MovedStep, 'id' | 'job_id' | 'agent' | 'attempt' | 'priority' | 'not_before'>;

/** The part of it that names the entry. */
export type EntryOf = Pick<EntryStep, 'id' | 'agent' | 'attempt'>;

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
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent)) {
      const sorted = sortedByPriority(ofAgent);
      const next = (from: number) => {
        const chunk = sorted.slice(from, from + this.size.current);
        return { length: chunk.length, args: [now, TICKET_NAME, ...argumentsOf(chunk, now)] };
      };
      for (let chunk = next(0), from = 0; chunk.length > 0;) {
        const added = this.timed(ADD, queue, chunk.args, chunk.length);
        from += chunk.length;
        // Made ready while Redis is busy with this one.
        chunk = next(from);
        await added;
      }
    }
  }

  /**
   * Removes the entries of these steps, unless a worker is taking them right now.
   *
   * @param walk where to look first; kept up to date for the next call of the same run
   * @returns how many were removed
   */
  async remove(steps: readonly EntryOf[], walk: Walk = new Map()): Promise<number> {
    let removed = 0;
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent))
      for (let from = 0; from < ofAgent.length;) {
        const chunk = ofAgent.slice(from, from + this.size.current);
        removed += await this.removeChunk(queue, chunk.map(idOf), walk);
        from += chunk.length;
      }
    return removed;
  }

  /**
   * Gives the entries the priority of their steps; how many there were.
   *
   * @param due whether Postgres says that all of them may run: they wait no longer, whatever their delays say
   */
  async reprioritise(steps: readonly EntryStep[], { due = false } = {}): Promise<number> {
    let changed = 0;
    for (const [queue, ofAgent] of groupBy(steps, (step) => step.agent))
      for (const step of ofAgent) {
        const args = [due ? 1 : 0, idOf(step), step.priority, optionsOf(step, Date.now(), 0)];
        changed += Number(await this.run(REPRIORITISE, queue, args));
      }
    return changed;
  }

  /**
   * Of steps that may run, as Postgres says: those whose entry Redis has lost, and those whose entry waits with another
   * priority, or for a time that has come.
   */
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
    let wanted = ids;
    let skip = begun;
    let removed = 0;
    // Mostly they wait in the order in which they were chosen, so that it need not be looked far.
    let window = Math.min(2 * ids.length, WINDOW);
    // What workers took meanwhile has moved the list: what was not found from there on may lie before it.
    for (let again = begun > 0; ;) {
      const answer = await this.timed(REMOVE, queue, [skip, window, ...wanted], wanted.length);
      const [gone, kept, atEnd, left] = answer as [number, number, number, number[]];
      removed += gone;
      if (left.length === 0) break;
      skip += kept;
      wanted = left.map((place) => wanted[place - 1] as string);
      window = Math.min(2 * window, WINDOW);
      if (atEnd === 0) continue;
      if (!again) break;
      again = false;
      skip = 0;
    }
    walk.set(queue, skip);
    return removed;
  }

  /** Runs a script for so many entries, and takes note of how long others had to wait for it. */
  private async timed(
    script: RedisScript,
    queue: string,
    args: readonly ScriptArgument[],
    entries: number,
  ): Promise<unknown> {
    const { answer, ms } = await script.timed(this.redis.client, [this.queues.get(queue).toKey('')], args);
    this.size.took(ms, entries);
    return answer;
  }

  private run(script: RedisScript, queue: string, args: readonly ScriptArgument[]): Promise<unknown> {
    return script.run(this.redis.client, [this.queues.get(queue).toKey('')], args);
  }
}

function idOf(step: EntryOf): string {
  return ticketId(step.id, step.attempt + 1);
}

/** What Bull keeps as an entry's options; see bull-options.ts. */
function optionsOf(step: EntryStep, timestamp: number, delay: number): string {
  return `{"jobId":"${idOf(step)}",${commonOptions(step.priority, timestamp, delay)}`;
}

/** The same without its beginning, which is an entry's own. */
function commonOptions(priority: number, timestamp: number, delay: number): string {
  const common = { priority, delay, timestamp, attempts: 1, removeOnComplete: true, removeOnFail: true };
  return JSON.stringify(common).slice(1);
}

/** What ADD takes for entries that are sorted by priority: those that have all but their ids in common together. */
function argumentsOf(steps: readonly EntryStep[], now: number): ScriptArgument[] {
  const args: ScriptArgument[] = [];
  let group: { priority: number; delay: number; countAt: number } | undefined;
  let count = 0;
  for (const step of steps) {
    const delay = Math.max(0, step.not_before.getTime() - now);
    if (group?.priority !== step.priority || group.delay !== delay) {
      if (group) args[group.countAt] = count;
      count = 0;
      group = { priority: step.priority, delay, countAt: args.length + 3 };
      args.push(step.priority, delay, commonOptions(step.priority, now, delay), 0);
    }
    count += 1;
    // Nothing in it has to be escaped.
    args.push(idOf(step), `{"step_id":"${step.id}","job_id":"${step.job_id}","attempt":${step.attempt + 1}}`);
  }
  if (group) args[group.countAt] = count;
  return args;
}

/** The order of equals stays as it is. */
function sortedByPriority(steps: readonly EntryStep[]): EntryStep[] {
  return [...steps].sort((a, b) => a.priority - b.priority);
}
