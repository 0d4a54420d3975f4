import {
  type BeforeApplicationShutdown,
  Inject,
  Injectable,
  type OnApplicationBootstrap,
} from '@nestjs/common';
import type { ChainableCommander } from 'ioredis';
import { RedisService } from '../../redis/redis.service';
import { ENV, type Env } from '../../settings/env';
import { withoutTrace } from '../trace-scope';
import { LogBuffer } from './log-buffer';
import { WARN } from './log-levels';
import { entryFields, type LogBatch, logStream, MAX_ENTRIES } from './log-stream';

/** From one look at what waits to the next, in milliseconds. */
const EVERY_MS = 500;
/** When so many lines wait, nobody waits for the next look. */
const MANY = 1_000;
/** One entry of the stream: lines and characters at most. */
const LINES = 250;
const CHARACTERS = 65_536;
/** Entries that are sent at once. */
const AT_ONCE = 20;

/**
 * Sends this process's log lines on to where operators read them, through a bounded stream in Redis. Logging never
 * waits for it. While Redis is away, or nobody reads the stream, lines wait here; when there are too many, debug lines
 * are sampled, and a line says how many were left out. All of them are on stdout in any case. Redis may have taken what
 * it did not answer for: that goes again as the same entry, by whose id log-ingest knows it.
 */
@Injectable()
export class LogShipper implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private readonly buffer = new LogBuffer();
  private readonly enabled: boolean;
  private timer: NodeJS.Timeout | undefined;
  private sending: Promise<void> | undefined;

  constructor(
    private readonly redis: RedisService,
    @Inject(ENV) private readonly env: Env,
  ) {
    this.enabled = !env.offline && env.logLevel !== 'silent';
  }

  /** Takes a line. @param level pino's number */
  push(level: number, line: string): void {
    if (!this.enabled) return;
    this.buffer.push(level, line);
    if (this.buffer.length >= MANY && this.timer && !this.sending) void this.send();
  }

  onApplicationBootstrap(): void {
    if (!this.enabled) return;
    withoutTrace(() => {
      this.timer = setInterval(() => void this.send(), EVERY_MS);
      this.timer.unref();
    });
  }

  /** Sends what waits; what is logged from now on is on stdout only. */
  async beforeApplicationShutdown(): Promise<void> {
    clearInterval(this.timer);
    this.timer = undefined;
    await this.sending;
    if (this.enabled) await this.send();
  }

  /** Never rejects: what could not be sent is sent later. */
  private send(): Promise<void> {
    this.sending ??= this.sendWhatWaits().finally(() => {
      this.sending = undefined;
    });
    return this.sending;
  }

  private async sendWhatWaits(): Promise<void> {
    this.tellOmitted();
    while (this.buffer.length > 0) {
      const batches: LogBatch[] = [];
      // Into a stream that nobody reads goes nothing more, but a look at whether somebody does.
      if (this.buffer.pressure < 1)
        while (batches.length < AT_ONCE && this.buffer.length > 0)
          batches.push(this.buffer.take(LINES, CHARACTERS));
      if (!(await this.sendBatches(batches)) || this.buffer.pressure >= 1) return;
    }
  }

  /** @returns whether all of them have arrived */
  private async sendBatches(batches: readonly LogBatch[]): Promise<boolean> {
    const stream = logStream(this.redis);
    const commands: ChainableCommander = this.redis.client.pipeline();
    for (const { id, lines } of batches) commands.xadd(stream, '*', ...entryFields(id, lines));
    const results = await commands
      .xlen(stream)
      .exec()
      .catch(() => null);
    const failed = batches.filter((_batch, index) => !results || results[index]?.[0]);
    this.buffer.putBack(failed);
    const [, length] = results?.at(-1) ?? [];
    if (typeof length === 'number') this.buffer.pressure = length / MAX_ENTRIES;
    return results !== null && failed.length === 0;
  }

  /** Counts go on until they can be told: the last word about them must have gone, and somebody must read the stream. */
  private tellOmitted(): void {
    if (this.buffer.hasReturned || this.buffer.pressure >= 1) return;
    const omitted = this.buffer.takeOmitted();
    if (omitted.size === 0) return;
    const counts = [...omitted].map(([level, count]) => `${count} ${level}`).join(', ');
    const line = {
      level: WARN,
      time: Date.now(),
      source: this.env.role,
      instance: this.env.instanceId,
      context: LogShipper.name,
      msg: `More was logged than could be kept; left out here, but not on stdout: ${counts}`,
      omitted: Object.fromEntries(omitted),
    };
    this.buffer.pushFirst(JSON.stringify(line));
  }
}
