import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Variables } from './env';

/** The root of the project. */
export const PROJECT = join(__dirname, '../..');

/** How many lines of a process's output are kept, unless a test wants more. */
const KEPT_LINES = 400;

/** One real process of the product, started from the built files. */
export class ServiceProcess {
  private readonly lines: string[] = [];
  /** Resolves when the process is gone, however it ended. */
  readonly ended: Promise<void>;

  private constructor(
    readonly name: string,
    readonly variables: Variables,
    private readonly child: ChildProcess,
    private readonly keptLines: number,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      // What comes at once may end in the middle of a line.
      let begun = '';
      stream?.setEncoding('utf8').on('data', (text: string) => {
        const lines = `${begun}${text}`.split('\n');
        begun = lines.pop() ?? '';
        this.keep(lines);
      });
      stream?.once('end', () => this.keep([begun]));
    }
    this.ended = new Promise((resolve) => child.once('exit', () => resolve()));
  }

  /** Starts `dist/<entry>.js` and waits until it says that it is ready. */
  static async start(
    name: string,
    entry: string,
    variables: Variables,
    keptLines = KEPT_LINES,
  ): Promise<ServiceProcess> {
    const child = spawn(process.execPath, [join(PROJECT, 'dist', `${entry}.js`)], {
      cwd: PROJECT,
      env: { PATH: process.env['PATH'] ?? '', ...variables },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const service = new ServiceProcess(name, variables, child, keptLines);
    await service.ready();
    return service;
  }

  get pid(): number {
    if (this.child.pid === undefined) throw new Error(`${this.name} has no process id`);
    return this.child.pid;
  }

  /** How it ended: its exit code, or the signal that killed it; null while it runs. */
  get end(): number | NodeJS.Signals | null {
    return this.child.exitCode ?? this.child.signalCode;
  }

  get running(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }

  /** Sends a signal and returns at once. */
  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** kill -9, and waits until the process is gone. */
  async kill(): Promise<void> {
    this.child.kill('SIGKILL');
    await this.ended;
  }

  /** A graceful stop. @throws if the process does not end by itself within `withinMs` and with code 0 */
  async stop(withinMs = 20_000): Promise<void> {
    if (!this.running) return;
    this.child.kill('SIGTERM');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<true>((resolve) => {
      timer = setTimeout(() => resolve(true), withinMs);
    });
    const isLate = await Promise.race([this.ended.then(() => false), late]);
    clearTimeout(timer);
    if (isLate) {
      await this.kill();
      throw new Error(`${this.name} did not stop within ${withinMs} ms of SIGTERM\n${this.tail()}`);
    }
    if (this.child.exitCode !== 0) {
      throw new Error(
        `${this.name} ended with ${this.child.exitCode ?? this.child.signalCode}\n${this.tail()}`,
      );
    }
  }

  /** The last lines that the process wrote. */
  tail(lines = 40): string {
    return `--- ${this.name}\n${this.lines.slice(-lines).join('\n')}`;
  }

  private keep(lines: string[]): void {
    this.lines.push(...lines.filter(Boolean));
    if (this.lines.length > this.keptLines) this.lines.splice(0, this.lines.length - this.keptLines);
  }

  private async ready(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.child.kill('SIGKILL');
        reject(new Error(`${this.name} was not ready within 120 s\n${this.tail()}`));
      }, 120_000);
      this.child.on('message', (message: { type?: string }) => {
        if (message.type !== 'ready') return;
        clearTimeout(timer);
        resolve();
      });
      this.child.once('exit', (code, signal) => {
        clearTimeout(timer);
        reject(new Error(`${this.name} ended with ${code ?? signal} before it was ready\n${this.tail()}`));
      });
      this.child.once('error', reject);
    });
  }
}
