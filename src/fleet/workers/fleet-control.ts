import { randomUUID } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { MessageBus, type Messages } from '../../platform/messages/message-bus';
import { ANSWER_MS, type WorkerCommand, type WorkerCommands, type WorkerVitals } from './worker-commands';
import { type SeenWorker, WorkerRegistry } from './worker-registry';

/** What a worker answered, or why there is no answer. */
export type WorkerAnswer<C extends WorkerCommand> = { worker_id: string } & (
  | { answered: true; result: WorkerCommands[C]['reply']; latency_ms: number }
  | { answered: false; error: string }
);

/**
 * How a worker fares. `unhealthy`: it gives signs of life, but no answer; `lost`: it has given none for three
 * heartbeats, and its steps go to others.
 */
export interface WorkerHealth {
  worker_id: string;
  pool: string;
  /** What the runtime driver calls it; null where none runs it. */
  service: string | null;
  state: 'healthy' | 'unhealthy' | 'lost';
  /** How long ago it gave its last sign of life, in milliseconds. */
  heartbeat_age_ms: number;
  /** As it says itself; null if it does not answer. */
  vitals: WorkerVitals | null;
}

/** A request whose answers are awaited. */
interface Pending {
  replies: Map<string, { message: Messages['worker.reply']; latencyMs: number }>;
  missing: Set<string>;
  sentAt: number;
  complete: () => void;
}

/** Asks workers over their control channel, and waits for their answers. */
@Injectable()
export class FleetControl {
  private readonly pending = new Map<string, Pending>();

  constructor(
    private readonly bus: MessageBus,
    private readonly registry: WorkerRegistry,
  ) {
    this.bus.on('worker.reply', (message) => this.receive(message));
  }

  /**
   * Asks these workers; all that are alive if none are named. Resolves when all have answered, after two seconds
   * at the latest. One that did not answer may have done it and been slow to say so; what reaches a worker later,
   * such as one that was frozen, it does not do any more.
   *
   * @returns one answer for each, in the order in which they were named, else by id
   * @throws Error if it is not known which workers there are
   */
  async ask<C extends WorkerCommand>(
    command: C,
    payload: WorkerCommands[C]['request'],
    workerIds?: readonly string[],
  ): Promise<WorkerAnswer<C>[]> {
    const asked = workerIds ?? (await this.registry.list()).map((worker) => worker.worker_id);
    if (asked.length === 0) return [];
    const request_id = randomUUID();
    let timer: NodeJS.Timeout | undefined;
    const replies: Pending['replies'] = new Map();
    try {
      await new Promise<void>((complete) => {
        timer = setTimeout(complete, ANSWER_MS);
        this.pending.set(request_id, {
          replies,
          missing: new Set(asked),
          sentAt: performance.now(),
          complete,
        });
        void this.bus.publish('worker.request', { request_id, worker_ids: [...asked], command, payload });
      });
    } finally {
      clearTimeout(timer);
      this.pending.delete(request_id);
    }
    return asked.map((worker_id) => answerOf<C>(worker_id, replies.get(worker_id)));
  }

  /** How all workers fare: those that are alive are asked, those that were lost in the last minutes are named. */
  async health(): Promise<WorkerHealth[]> {
    const seen = await this.registry.seen();
    const alive = seen.filter((worker) => !worker.lost);
    const answers = await this.ask(
      'worker.health',
      {},
      alive.map((worker) => worker.worker_id),
    );
    const byId = new Map(answers.map((answer) => [answer.worker_id, answer]));
    return seen.map((worker) => healthOf(worker, byId.get(worker.worker_id)));
  }

  private receive(message: Messages['worker.reply']): void {
    const pending = this.pending.get(message.request_id);
    if (!pending?.missing.delete(message.worker_id)) return;
    const latencyMs = Math.round((performance.now() - pending.sentAt) * 10) / 10;
    pending.replies.set(message.worker_id, { message, latencyMs });
    if (pending.missing.size === 0) pending.complete();
  }
}

function answerOf<C extends WorkerCommand>(
  worker_id: string,
  reply: { message: Messages['worker.reply']; latencyMs: number } | undefined,
): WorkerAnswer<C> {
  if (!reply) return { worker_id, answered: false, error: `It did not answer within ${ANSWER_MS / 1000} s.` };
  const { error, result } = reply.message;
  if (error !== undefined) return { worker_id, answered: false, error };
  return {
    worker_id,
    answered: true,
    result: result as WorkerCommands[C]['reply'],
    latency_ms: reply.latencyMs,
  };
}

function healthOf(worker: SeenWorker, answer: WorkerAnswer<'worker.health'> | undefined): WorkerHealth {
  const vitals = answer?.answered ? answer.result : null;
  return {
    worker_id: worker.worker_id,
    pool: worker.pool,
    service: worker.service,
    state: worker.lost ? 'lost' : vitals ? 'healthy' : 'unhealthy',
    heartbeat_age_ms: worker.heartbeat_age_ms,
    vitals,
  };
}
