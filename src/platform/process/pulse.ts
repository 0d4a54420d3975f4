import { rm, writeFile } from 'node:fs/promises';
import { Inject, Injectable, Logger, type OnModuleInit } from '@nestjs/common';
import { ENV, type Env } from '../settings/env';
import { FailureLog } from '../telemetry/failure-log';

/** The least time between two signs of life, in milliseconds. */
const EVERY_MS = 1_000;

/**
 * Shows health checks that the main loop of this process turns, by the age of the file PULSE_FILE. Only the loop's
 * own turns count: that a server is away, which no restart of this process would mend, does not stop them, while a
 * process that is frozen, or waits for ever on a connection that is dead without knowing, falls silent.
 */
@Injectable()
export class Pulse implements OnModuleInit {
  private readonly log = new Logger(Pulse.name);
  private beatAt = -Infinity;
  private readonly signs = new FailureLog(
    this.log,
    { fails: 'No sign of life can be given', again: 'Signs of life can be given again' },
    'error',
  );

  constructor(@Inject(ENV) private readonly env: Pick<Env, 'pulseFile'>) {}

  /** A predecessor's signs of life are not this one's. */
  async onModuleInit(): Promise<void> {
    if (this.env.pulseFile) await rm(this.env.pulseFile, { force: true });
  }

  /** The loop has made a turn. Resolves when that can be seen; never rejects. */
  async beat(): Promise<void> {
    const now = performance.now();
    if (!this.env.pulseFile || now - this.beatAt < EVERY_MS) return;
    this.beatAt = now;
    try {
      await writeFile(this.env.pulseFile, `${new Date().toISOString()}\n`);
      this.signs.succeeded();
    } catch (error) {
      this.signs.failed(error);
    }
  }
}
