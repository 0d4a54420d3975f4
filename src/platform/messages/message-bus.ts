import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { RedisService } from '../redis/redis.service';

/**
 * What processes tell each other, by kind. At most once: a message may be lost, so each has a slower way
 * that finds the same out, named here.
 */
export interface Messages {
  /** To the worker that runs the step: end it. Else its next heartbeat tells. */
  'step.abort': { step_id: string; job_id: string; reason: string };
  /** To all: a new version of the settings. Else the poll of each second tells. */
  'settings.changed': { version: number };
  /** To all: role, state or password of a user changed. Else the cached state ages out in a second. */
  'user.changed': { user_id: string };
  /** To all: a session ended. Else as above. */
  'session.revoked': { session_id: string };
  /** To the api processes: the read model is out of date. Else it ages out. */
  'ssot.invalidate': { reason: string };
  /** To the api processes: a new snapshot is in the cache. Else it ages out. */
  'ssot.updated': { version: string };
  /** To whoever waits for a job to end. Else they look. */
  'job.settled': { job_id: string; status: string };
  /** To whoever waits for an execution to end. Else they look. */
  'execution.settled': { execution_id: string; status: string };
  /** To all: a queue was paused or resumed. Else the dispatcher applies it. */
  'queue.changed': { queue: string };
}

/** @param at when it was sent, in microseconds by Redis' clock */
type Handler<K extends keyof Messages> = (payload: Messages[K], at: number) => void | Promise<void>;

/** Sends a message with its time, so that all who get it agree on what was before and what after. */
const PUBLISH = `
local t = redis.call('TIME')
return redis.call('PUBLISH', KEYS[1], string.format('%.0f', t[1] * 1000000 + t[2]) .. ' ' .. ARGV[1])
`;

/** Cross-process messages over Redis pub/sub, typed and at most once. */
@Injectable()
export class MessageBus implements OnModuleInit {
  private readonly log = new Logger(MessageBus.name);
  private readonly handlers = new Map<string, Set<Handler<never>>>();
  private readonly channel: string;
  private connections = 0;
  private connected = false;

  constructor(@Inject(RedisService) private readonly redis: RedisService) {
    this.channel = redis.key('bus');
  }

  /** Starts to listen. */
  onModuleInit(): void {
    const subscriber = this.redis.subscriber();
    subscriber.on('message', (_channel, text) => this.receive(text));
    subscriber.on('close', () => (this.connected = false));
    // Subscribed again, though ioredis does so too: only the answer tells from when on messages come.
    subscriber.on('ready', () => {
      subscriber.subscribe(this.channel).then(
        () => {
          this.connections++;
          this.connected = true;
        },
        (error: Error) => this.log.warn(`Could not subscribe to messages: ${error.message}`),
      );
    });
    // Waits for Redis in the background: a process starts without it, too.
    subscriber.subscribe(this.channel).catch((error: Error) => {
      this.log.warn(`Could not subscribe to messages: ${error.message}`);
    });
  }

  /**
   * The number of the connection on which messages come; undefined while there is none. Who sees a number that
   * is not the one before may have missed messages in between.
   */
  get session(): number | undefined {
    return this.connected ? this.connections : undefined;
  }

  /** Tells every process, this one included. Never throws: a lost message is logged and made good otherwise. */
  async publish<K extends keyof Messages>(kind: K, payload: Messages[K]): Promise<void> {
    try {
      await this.redis.client.eval(PUBLISH, 1, this.channel, JSON.stringify({ kind, payload }));
    } catch (error) {
      this.log.warn(`Message ${kind} was lost: ${(error as Error).message}`);
    }
  }

  /** Calls `handler` for each message of this kind; the answer ends that. */
  on<K extends keyof Messages>(kind: K, handler: Handler<K>): () => void {
    const handlers = this.handlers.get(kind) ?? new Set();
    this.handlers.set(kind, handlers);
    handlers.add(handler);
    return () => handlers.delete(handler);
  }

  private receive(text: string): void {
    const at = Number.parseInt(text, 10);
    let message: { kind: string; payload: never };
    try {
      message = JSON.parse(text.slice(text.indexOf(' '))) as typeof message;
    } catch {
      this.log.warn('A message that is not JSON was ignored');
      return;
    }
    for (const handler of this.handlers.get(message.kind) ?? []) {
      Promise.resolve()
        .then(() => (handler as (payload: never, at: number) => void | Promise<void>)(message.payload, at))
        .catch((error: Error) =>
          this.log.error(`Handler of ${message.kind} failed: ${error.message}`, error.stack),
        );
    }
  }
}
