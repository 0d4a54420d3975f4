import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';

/** Watches how long others wait for Redis, from a process of its own. */
export class Stalls {
  private constructor(private readonly child: ChildProcess) {}

  /** Begins to watch. */
  static async watch(redisUrl: string): Promise<Stalls> {
    const stalls = new Stalls(fork(join(__dirname, 'pinger.cjs'), [redisUrl]));
    await stalls.take();
    return stalls;
  }

  /** The slowest answer to a PING while `work` went on, and how long that took, in milliseconds. */
  async during(work: () => Promise<unknown>): Promise<{ worstMs: number; tookMs: number }> {
    await this.take();
    const startedAt = performance.now();
    await work();
    const tookMs = performance.now() - startedAt;
    return { worstMs: await this.take(), tookMs };
  }

  stop(): void {
    this.child.kill();
  }

  private async take(): Promise<number> {
    const answer = once(this.child, 'message');
    this.child.send('take');
    const [{ worst }] = (await answer) as [{ worst: number }];
    return worst;
  }
}
