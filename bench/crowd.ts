import { type ChildProcess, fork } from 'node:child_process';
import { join } from 'node:path';
import { CLIENT_CORE, pin } from './measure';

/** Something that sends messages to all who have connected to it. */
export interface Sender {
  pid: number;
  port: number;
  path: string;
  /** What a client says first, and how many frames it gets before it is ready. */
  hello: string[];
  quiet: number;
  /** What a client offers in its handshake (RFC 6455 9.1); nothing, if not given. */
  extensions?: string;
}

/** A sender of the bench's own. */
export interface BareSender extends Sender {
  /** Has it send its message. */
  send(): void;
  stop(): void;
}

/** When messages came, in milliseconds of the machine's monotonic clock, and to which connection. */
export interface Arrivals {
  times: number[];
  of: number[];
}

/** The machine's monotonic clock, which all of its processes share, in milliseconds. */
export function clockMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/** Starts a sender of one prepared message; fan-out-server.cjs tells of the ways and their further arguments. */
export async function bareSender(
  way: 'sockets' | 'socket.io' | 'redis',
  message: string,
  ...further: string[]
): Promise<BareSender> {
  const child = fork(join(__dirname, 'fan-out-server.cjs'), [way, message, ...further], {
    env: { ...process.env, NODE_ENV: 'production' },
  });
  const port = (await answerOf(child)) as number;
  const pid = child.pid ?? 0;
  pin(pid);
  const io = way === 'socket.io';
  return {
    pid,
    port,
    path: io ? '/socket.io/?EIO=4&transport=websocket' : '/',
    hello: io ? ['40'] : [],
    quiet: io ? 2 : 0,
    send: () => child.send({ go: true }),
    stop: () => child.disconnect(),
  };
}

/** Many connections, in a process of their own. */
export class Crowd {
  private constructor(private readonly child: ChildProcess) {}

  /** An empty one. */
  static async start(): Promise<Crowd> {
    const child = fork(join(__dirname, 'fan-out-client.cjs'));
    await answerOf(child);
    pin(child.pid ?? 0, CLIENT_CORE);
    return new Crowd(child);
  }

  /** Opens connections, and waits until each is ready. */
  async connect({ port, path, hello, quiet, extensions }: Sender, count: number): Promise<void> {
    await this.ask({ connect: { port, path, hello, quiet, extensions, count } });
  }

  /** Notes what comes from now on; the answer resolves when so many messages have come. */
  async arm(count: number): Promise<{ all: Promise<Arrivals> }> {
    await this.ask({ arm: count });
    return { all: answerOf(this.child) as Promise<Arrivals> };
  }

  /** What has come since it was armed. */
  async arrivals(): Promise<Arrivals> {
    return (await this.ask({ tell: true })) as Arrivals;
  }

  leave(): void {
    this.child.disconnect();
  }

  private ask(order: object): Promise<unknown> {
    const answer = answerOf(this.child);
    this.child.send(order);
    return answer;
  }
}

function answerOf(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the process has ended'));
    child.once('exit', ended);
    child.once('message', (message) => {
      child.off('exit', ended);
      resolve(message);
    });
  });
}
