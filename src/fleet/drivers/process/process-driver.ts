import { createConnection } from 'node:net';
import {
  RuntimeDriverError,
  type RuntimeDriver,
  type RuntimeLogLine,
  type RuntimeRole,
  type RuntimeScale,
  type RuntimeService,
  type ScaleScope,
} from '../../runtime-driver';
import { readJsonLines } from './json-lines';
import type { ControlAnswer, ControlCall } from './protocol';

/** A graceful stop and a start together take at most this long, in milliseconds. */
const DEFAULT_TIMEOUT_MS = 90_000;
/** What the launcher only has to look up takes at most this long, in milliseconds. */
const LOOK_TIMEOUT_MS = 5_000;

/** Logs are the longest answers: 10,000 lines. */
const MAX_ANSWER_LENGTH = 64 * 1024 * 1024;

/**
 * Runs services through the launcher (`npm start`), over its unix socket. A connection lives for one call,
 * so that a launcher that was started anew is found again without further ado.
 */
export class ProcessDriver implements RuntimeDriver {
  readonly kind = 'process';

  /**
   * @param socketPath the launcher's socket, which it passes to its children as LAUNCHER_SOCKET
   * @param timeoutMs how long a call that changes something may take
   */
  constructor(
    private readonly socketPath: string,
    private readonly timeoutMs = DEFAULT_TIMEOUT_MS,
  ) {}

  list(): Promise<RuntimeService[]> {
    return this.call({ method: 'list' }, LOOK_TIMEOUT_MS);
  }

  start(name: string): Promise<RuntimeService> {
    return this.call({ method: 'start', name });
  }

  stop(name: string): Promise<RuntimeService> {
    return this.call({ method: 'stop', name });
  }

  restart(name: string): Promise<RuntimeService> {
    return this.call({ method: 'restart', name });
  }

  kill(name: string): Promise<RuntimeService> {
    return this.call({ method: 'kill', name });
  }

  scale(role: RuntimeRole, replicas: number, scope: ScaleScope = {}): Promise<RuntimeScale> {
    return this.call({ method: 'scale', role, replicas, scope });
  }

  addWorker(pool: string, name: string): Promise<RuntimeService> {
    return this.call({ method: 'addWorker', pool, name });
  }

  logs(name: string, limit: number): Promise<RuntimeLogLine[]> {
    return this.call({ method: 'logs', name, limit }, LOOK_TIMEOUT_MS);
  }

  private call<T>(call: ControlCall, timeoutMs = this.timeoutMs): Promise<T> {
    return new Promise((resolve, reject) => {
      const socket = createConnection(this.socketPath);
      const fail = (message: string) => {
        socket.destroy();
        reject(new RuntimeDriverError('UNAVAILABLE', message));
      };
      const timer = setTimeout(
        () => fail(`The launcher did not answer "${call.method}" within ${timeoutMs / 1000} s.`),
        timeoutMs,
      );
      socket.on('close', () => {
        clearTimeout(timer);
        fail('The launcher closed the connection without an answer.');
      });
      socket.on('error', (error) => fail(`The launcher cannot be reached: ${error.message}.`));
      const settle = (value: unknown) => {
        const answer = value as ControlAnswer;
        if (answer.ok) resolve(answer.result as T);
        else reject(new RuntimeDriverError(answer.error.code, answer.error.message));
        socket.end();
      };
      readJsonLines(socket, MAX_ANSWER_LENGTH, settle, (reason) =>
        fail(`The launcher's answer is broken: ${reason}.`),
      );
      socket.write(`${JSON.stringify({ id: 1, ...call })}\n`);
    });
  }
}
