import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { eventually } from './eventually';

const MAIN = join(__dirname, '../../dist/up/main.js');
/** How long a start may take, in milliseconds. */
export const START_MS = 120_000;
const READY = /AgentOS is ready after/;

/** A launcher on a home of its own, as `npm start` runs it. */
export class Launch {
  /** What it has written. */
  output = '';
  private readonly child: ChildProcess;
  private readonly ended: Promise<unknown[]>;

  constructor(env: NodeJS.ProcessEnv) {
    // Without the servers of the test run: it is to bring its own.
    const rest = Object.entries(process.env).filter(([key]) => !/_URL$|^REDIS_/.test(key));
    this.child = spawn(process.execPath, [MAIN], {
      env: { ...Object.fromEntries(rest), ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.on('data', (chunk: Buffer) => (this.output += chunk.toString()));
    }
    this.ended = once(this.child, 'exit');
  }

  /** Resolves when it has said that all is up. */
  async ready(): Promise<this> {
    await eventually(
      () => {
        if (!READY.test(this.output)) throw new Error(`npm start is not ready: ${this.output}`);
      },
      { timeoutMs: START_MS },
    );
    return this;
  }

  /** Its exit code, or the signal that ended it. */
  async exit(signal?: NodeJS.Signals): Promise<unknown> {
    if (signal) this.child.kill(signal);
    const [code, name] = await this.ended;
    return code ?? name;
  }
}
