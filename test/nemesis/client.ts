import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { HttpClient } from '../support/http-client';
import { type Attempt, type History, type Order, verdictOf } from './history';
import type { Random } from './random';

/** How long a client waits for an answer, in milliseconds. */
const PATIENCE_MS = 8_000;
/** Between two tries, in milliseconds. */
const PAUSE_MS = { min: 40, max: 600 };
/** Share of tries that are sent to both processes at once. */
const TWINS = 0.15;

/** A client that asks until it has a final answer, with the same key, at whatever process answers. */
export class PersistentClient {
  constructor(
    readonly number: number,
    /** The same user at each api process. */
    private readonly apis: readonly HttpClient[],
    private readonly history: History,
    private readonly random: Random,
    /** Aborted when even the most patient client gives up. */
    private readonly giveUp: AbortSignal,
  ) {}

  /** @returns the final answer; undefined if the client had to give up */
  async fulfil(order: Order): Promise<Attempt | undefined> {
    this.history.orders.push(order);
    let api = this.random.between(0, this.apis.length - 1);
    while (!this.giveUp.aborted) {
      const twins = order.keyed && this.random.chance(TWINS);
      const asked = twins ? this.apis.map((_, index) => index) : [api];
      const attempts = await Promise.all(asked.map((index) => this.ask(order, index)));
      const final = attempts.find((attempt) => verdictOf(attempt) !== 'again');
      if (final) {
        order.closedAt = Date.now();
        return final;
      }
      await delay(this.random.between(PAUSE_MS.min, PAUSE_MS.max));
      if (this.random.chance(0.7)) api = (api + 1) % this.apis.length;
    }
    return undefined;
  }

  /** Asks one process once, and takes down what came of it. */
  async ask(order: Order, api: number): Promise<Attempt> {
    const attempt: Attempt = {
      trace: randomBytes(16).toString('hex'),
      key: order.key,
      api,
      sentAt: Date.now(),
      endedAt: 0,
      status: null,
      code: null,
      replayed: false,
      body: null,
      executionId: null,
    };
    try {
      const answer = await this.client(api).call('POST', '/api/admin/action', {
        json: { action: order.action, payload: order.payload, options: order.options },
        headers: {
          'x-trace-id': attempt.trace,
          ...(order.keyed ? { 'x-idempotency-key': order.key } : {}),
        },
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      attempt.status = answer.status;
      attempt.code = answer.body?.error_code ?? null;
      attempt.replayed = answer.headers.has('idempotent-replayed');
      attempt.executionId = answer.body?.execution_id ?? null;
      if (verdictOf(attempt) !== 'again') attempt.body = answer.bytes.toString('utf8');
    } catch (error) {
      // No answer, or only a part of one: the client cannot tell whether it was done.
      attempt.status = null;
      attempt.code = (error as Error).name;
    }
    attempt.endedAt = Date.now();
    this.history.attempts.push(attempt);
    return attempt;
  }

  /** How an operation stands; undefined if nobody could say, or the client gave up. */
  async statusOf(executionId: string): Promise<string | undefined> {
    const api = this.random.between(0, this.apis.length - 1);
    try {
      const answer = await this.client(api).call<{ execution: { status: string } }>(
        'GET',
        `/api/admin/action/status?execution_id=${executionId}`,
        { signal: AbortSignal.timeout(PATIENCE_MS) },
      );
      return answer.data.execution.status;
    } catch {
      return undefined; // asked again
    }
  }

  /** Whether the client has given up. */
  get gaveUp(): boolean {
    return this.giveUp.aborted;
  }

  private client(api: number): HttpClient {
    const client = this.apis[api];
    if (!client) throw new Error(`There is no api ${api}`);
    return client;
  }
}
