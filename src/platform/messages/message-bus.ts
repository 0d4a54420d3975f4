import { randomUUID } from 'node:crypto';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { Batcher } from '../batching/batcher';
import { RedisService } from '../redis/redis.service';
import { RedisScript, ScriptBatch } from '../redis/script';
import { currentTrace, runInTrace } from '../telemetry/trace-scope';
import { reasonOf } from '../errors/unavailable';

/**
 * What processes tell each other, by kind. At most once: a message may be lost, so each has a slower way
 * that finds the same out, named here.
 */
export interface Messages {
  /** To the worker that runs this attempt of the step: end it. Else its next heartbeat tells. */
  'step.abort': { step_id: string; job_id: string; attempt: number; reason: string };
  /** To all: a new version of the settings. Else the poll of each second tells. */
  'settings.changed': { version: number };
  /**
   * To all: role, state or password of a user changed. Else the cached state ages out in a second. Acknowledged: who
   * has waited for publish() can say that it holds in every process.
   */
  'user.changed': { user_id: string };
  /** To all: a session ended. Else as above. Acknowledged, too. */
  'session.revoked': { session_id: string };
  /**
   * To the api processes: the read model is out of date. Else it ages out. Acknowledged: who has waited for
   * publish() can say that the next read shows the change, on whatever process.
   */
  'ssot.invalidate': { reason: string };
  /** To the api processes: a new snapshot is in the cache. Else it ages out. */
  'ssot.updated': { version: string };
  /** To whoever waits for a job to end. Else they look. */
  'job.settled': { job_id: string; status: string };
  /** To whoever waits for an execution to end. Else they look. */
  'execution.settled': { execution_id: string; status: string };
  /** To all: a circuit changed. Else each process sees it within a quarter of a second. */
  'circuit.changed': { dependency: string };
  /** To the manager that runs the operation: end it. Else its next heartbeat tells. */
  'operation.abort': { execution_id: string };
  /**
   * To workers: do this, and answer with `worker.reply`. What can be asked for is in fleet/workers. Who gets no
   * answer says so, and asks again if it still matters.
   */
  'worker.request': { request_id: string; worker_ids: string[]; command: string; payload: object };
  /** To the process that asked: what the worker answers, or why it refuses. */
  'worker.reply': { request_id: string; worker_id: string; result?: unknown; error?: string };
}

/** Kinds whose publish() waits until every process has handled the message. */
const ACKNOWLEDGED: ReadonlySet<keyof Messages> = new Set([
  'session.revoked',
  'ssot.invalidate',
  'user.changed',
]);
/**
 * The one of them that says that something changed, but not what: a message of it serves all who have that to say while
 * the one before is under way.
 */
const FOR_ALL = 'ssot.invalidate';
/** The longest that it waits for a process that is stuck, in milliseconds. */
const ACK_WAIT_MS = 250;
/** How long it is remembered when {@link FOR_ALL} was sent, in milliseconds; what it is about lives shorter. */
const REMEMBERED_MS = 60_000;

/** @param at when it was sent, in microseconds by Redis' clock */
type Handler<K extends keyof Messages> = (payload: Messages[K], at: number) => void | Promise<void>;

/**
 * Sends a message with its time, so that all who get it agree on what was before and what after. With a second key, the
 * time is left there, too, for processes that start later; a Redis that takes nothing in, such as one that is full, still
 * passes messages on.
 */
const PUBLISH = new RedisScript(`
local t = redis.call('TIME')
local at = string.format('%.0f', t[1] * 1000000 + t[2])
if KEYS[2] then redis.pcall('SET', KEYS[2], at, 'PX', ARGV[2]) end
return redis.call('PUBLISH', KEYS[1], at .. ' ' .. ARGV[1])
`);

/** A message on its way. */
interface Envelope {
  kind: string;
  payload: never;
  /** The trace in which it was sent: what it brings about is logged under the same id. */
  trace_id?: string;
  /** The channel and the number under which its sender waits for an acknowledgement. */
  ack?: [channel: string, id: number];
}

/** A sender that waits: how many acknowledgements came, and how many must. */
interface Waiting {
  came: number;
  wanted: number;
  done: () => void;
}

/** Cross-process messages over Redis pub/sub, typed and at most once. */
@Injectable()
export class MessageBus implements OnModuleInit {
  private readonly log = new Logger(MessageBus.name);
  private readonly handlers = new Map<string, Set<Handler<never>>>();
  /**
   * Where Redis has the time of the last `ssot.invalidate`, in microseconds by its clock; nothing if that was long ago.
   */
  readonly invalidatedKey: string;
  private readonly channel: string;
  private readonly ackChannel: string;
  private readonly script: ScriptBatch;
  private readonly forAll = new Batcher<object, void>((payloads) => this.oneForAll(payloads), {
    size: Number.POSITIVE_INFINITY,
  });
  private readonly waiting = new Map<number, Waiting>();
  private sent = 0;
  private connections = 0;
  private connected = false;

  constructor(@Inject(RedisService) private readonly redis: RedisService) {
    this.channel = redis.key('bus');
    this.invalidatedKey = redis.key('bus', 'last', FOR_ALL);
    this.ackChannel = redis.key('bus', 'ack', randomUUID());
    this.script = new ScriptBatch(redis.client, PUBLISH);
  }

  /** Starts to listen. */
  onModuleInit(): void {
    const subscriber = this.redis.subscriber();
    subscriber.on('message', (channel, text) => {
      if (channel === this.ackChannel) this.acknowledged(Number(text));
      else this.receive(text);
    });
    subscriber.on('close', () => (this.connected = false));
    // Subscribed again, though ioredis does so too: only the answer tells from when on messages come.
    subscriber.on('ready', () => {
      subscriber.subscribe(this.channel, this.ackChannel).then(
        () => {
          this.connections++;
          this.connected = true;
        },
        (error: Error) => this.log.warn(`Could not subscribe to messages: ${reasonOf(error)}`),
      );
    });
    // Waits for Redis in the background: a process starts without it, too.
    subscriber.subscribe(this.channel, this.ackChannel).catch((error: Error) => {
      this.log.warn(`Could not subscribe to messages: ${reasonOf(error)}`);
    });
  }

  /**
   * The number of the connection on which messages come; undefined while there is none. Who sees a number that
   * is not the one before may have missed messages in between.
   */
  get session(): number | undefined {
    return this.connected ? this.connections : undefined;
  }

  /**
   * Tells every process, this one included. Never throws: a lost message is logged and made good otherwise.
   * For kinds that are acknowledged it resolves when all have handled the message, or after 250 ms; twice that if
   * another was under way.
   */
  async publish<K extends keyof Messages>(kind: K, payload: Messages[K]): Promise<void> {
    try {
      if (kind === FOR_ALL) await this.forAll.push(payload);
      else if (ACKNOWLEDGED.has(kind)) await this.publishAndWait(kind, payload);
      else await this.send({ kind, payload });
    } catch (error) {
      this.log.warn(`Message ${kind} was lost: ${reasonOf(error)}`);
    }
  }

  /** Calls `handler` for each message of this kind; the answer ends that. */
  on<K extends keyof Messages>(kind: K, handler: Handler<K>): () => void {
    const handlers = this.handlers.get(kind) ?? new Set();
    this.handlers.set(kind, handlers);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  /** @returns how many processes it was sent to */
  private async send(message: Omit<Envelope, 'payload'> & { payload: object }): Promise<number> {
    const text = JSON.stringify({ ...message, trace_id: currentTrace()?.traceId });
    const remembered = message.kind === FOR_ALL;
    return (await (remembered
      ? this.script.run([this.channel, this.invalidatedKey], [text, REMEMBERED_MS])
      : this.script.run([this.channel], [text]))) as number;
  }

  private async oneForAll(payloads: readonly object[]): Promise<void[]> {
    await this.publishAndWait(FOR_ALL, payloads.at(-1) ?? {});
    return payloads.map(() => undefined);
  }

  private async publishAndWait(kind: string, payload: object): Promise<void> {
    const id = ++this.sent;
    let timer: NodeJS.Timeout | undefined;
    const handled = new Promise<void>((resolve) => {
      // Acknowledgements may come before Redis has said how many there will be.
      this.waiting.set(id, { came: 0, wanted: Number.POSITIVE_INFINITY, done: resolve });
      timer = setTimeout(resolve, ACK_WAIT_MS);
    });
    try {
      const wanted = await this.send({ kind, payload, ack: [this.ackChannel, id] });
      const waiting = this.waiting.get(id);
      if (waiting && waiting.came < wanted) {
        waiting.wanted = wanted;
        await handled;
      }
    } finally {
      clearTimeout(timer);
      this.waiting.delete(id);
    }
  }

  private acknowledged(id: number): void {
    const waiting = this.waiting.get(id);
    if (waiting && ++waiting.came >= waiting.wanted) waiting.done();
  }

  private receive(text: string): void {
    const at = Number.parseInt(text, 10);
    let message: Envelope;
    try {
      message = JSON.parse(text.slice(text.indexOf(' '))) as Envelope;
    } catch {
      this.log.warn('A message that is not JSON was ignored');
      return;
    }
    const traceId = message.trace_id;
    const deliver = () => {
      for (const handler of this.handlers.get(message.kind) ?? []) this.call(handler, message, at);
    };
    if (traceId === undefined) deliver();
    else runInTrace({ traceId }, deliver);
    if (!message.ack) return;
    const [channel, id] = message.ack;
    if (channel === this.ackChannel) return this.acknowledged(id);
    this.redis.client.publish(channel, String(id)).catch((error: Error) => {
      this.log.debug(`A message could not be acknowledged: ${reasonOf(error)}`);
    });
  }

  /** What a handler does before its first await is done when this returns. */
  private call(handler: Handler<never>, { kind, payload }: Envelope, at: number): void {
    const failed = (error: Error) =>
      this.log.error(`Handler of ${kind} failed: ${reasonOf(error)}`, error.stack);
    try {
      Promise.resolve(handler(payload, at)).catch(failed);
    } catch (error) {
      failed(error as Error);
    }
  }
}
