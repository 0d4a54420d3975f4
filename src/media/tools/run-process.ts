import { spawn, type ChildProcess } from 'node:child_process';
import { basename } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { inSpan } from '../../platform/telemetry/spans';
import { AgentError } from '../agents/agent-error';
import type { PidFiles } from './leftovers';
import { groupRuns } from './process-group';
import { LineSplitter, RingBuffer } from './ring-buffer';
import { TOOL_ENV, wrapCommand, type ProcessLimits, type Sandbox } from './sandbox';

/** How long a tool has between SIGTERM and SIGKILL, in milliseconds. */
const GRACE_MS = 3000;
/** How long the pipes of a tool that has ended may stay open, in milliseconds. */
const PIPES_MS = 2000;
/** The longest that a timer can wait, in milliseconds: a longer time counts as none at all. */
const LONGEST_MS = 2 ** 31 - 1;

/** One run of an external tool. */
export interface ProcessCall {
  /** Absolute path of the tool, then its arguments. Never goes through a shell. */
  command: readonly string[];
  /** The step's private folder. */
  cwd: string;
  signal: AbortSignal;
  limits: ProcessLimits;
  /** Added to the fixed environment of tools. */
  env?: Readonly<Record<string, string>>;
  /** Upper limit in milliseconds of real time. */
  wallMs: number;
  /** End the tool when `alive` was not called for this long, in milliseconds. */
  stallMs?: number;
  /** A line of standard output; calls `alive` when it shows that work goes on. */
  onStdoutLine?: (line: string, alive: () => void) => void;
  onStderrLine?: (line: string) => void;
}

/** How a tool ended by itself. */
export interface ProcessExit {
  /** 0 is success; null when a signal ended it. */
  code: number | null;
  signal: NodeJS.Signals | null;
  /** The last 64 KB of standard error. */
  stderr: string;
  wallMs: number;
}

type StopReason = 'ABORTED' | 'TOOL_TIMEOUT' | 'TOOL_STALLED';

function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
    throw error;
  }
}

/** Waits until no process of the group runs any more. */
async function groupGone(pid: number): Promise<void> {
  const deadline = Date.now() + 5000;
  while (groupRuns(pid) && Date.now() < deadline) await delay(10);
}

/** Stops the group politely, then by force. Idempotent; remembers why. */
class Stopper {
  reason: StopReason | undefined;
  private force: NodeJS.Timeout | undefined;

  constructor(private readonly pid: number) {}

  stop(reason: StopReason): void {
    if (this.reason) return;
    this.reason = reason;
    signalGroup(this.pid, 'SIGTERM');
    this.force = setTimeout(() => signalGroup(this.pid, 'SIGKILL'), GRACE_MS);
  }

  dispose(): void {
    clearTimeout(this.force);
  }
}

/** Starts the tool in its own process group; rejects with TOOL_UNAVAILABLE if it cannot be started. */
async function start(call: ProcessCall, sandbox: Sandbox): Promise<ChildProcess & { pid: number }> {
  const { file, args, watcher } = wrapCommand(sandbox, call.limits, call.command);
  const child = spawn(file, args, {
    cwd: call.cwd,
    env: { ...TOOL_ENV, ...call.env },
    detached: true,
    stdio: watcher ? ['ignore', 'pipe', 'pipe', 'pipe'] : ['ignore', 'pipe', 'pipe'],
  });
  if (child.pid !== undefined) return child as ChildProcess & { pid: number };
  const error = await new Promise<Error>((resolve) => child.once('error', resolve));
  throw new AgentError('TOOL_UNAVAILABLE', undefined, { retryable: true, detail: error.message });
}

/**
 * Records a tool that was just started. One that cannot be is ended again at once: if this process died, nobody could.
 *
 * @throws what kept it from being recorded, when its process group is gone
 */
async function recorded(child: ChildProcess & { pid: number }, pids: PidFiles): Promise<() => void> {
  try {
    return pids.add(child.pid);
  } catch (error) {
    const over = ended(child);
    signalGroup(child.pid, 'SIGKILL');
    await over;
    await groupGone(child.pid);
    throw error;
  }
}

/**
 * Runs a tool to its end. Settles only when its whole process group is gone.
 *
 * @throws AgentError ABORTED, TOOL_TIMEOUT, TOOL_STALLED or TOOL_UNAVAILABLE; a tool that ends by itself never throws
 * @throws Error if the tool cannot be recorded: ENOSPC, EMFILE
 */
export function runProcess(call: ProcessCall, sandbox: Sandbox, pids: PidFiles): Promise<ProcessExit> {
  // Its arguments hold paths, so only the tool is named.
  return inSpan(basename(call.command[0] ?? ''), async (span) => {
    const exit = await runTool(call, sandbox, pids);
    span.setAttributes({
      'process.exit.code': exit.code ?? undefined,
      'agentos.signal': exit.signal ?? undefined,
    });
    return exit;
  });
}

async function runTool(call: ProcessCall, sandbox: Sandbox, pids: PidFiles): Promise<ProcessExit> {
  if (call.signal.aborted) throw new AgentError('ABORTED');
  const started = Date.now();
  const child = await start(call, sandbox);
  const forget = await recorded(child, pids);
  const stopper = new Stopper(child.pid);
  const stderr = new RingBuffer();
  let lastAlive = started;
  const alive = () => {
    lastAlive = Date.now();
  };

  const out = new LineSplitter((line) => call.onStdoutLine?.(line, alive));
  const err = new LineSplitter((line) => call.onStderrLine?.(line));
  child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr.push(chunk);
    err.push(chunk);
  });
  const onAbort = () => stopper.stop('ABORTED');
  call.signal.addEventListener('abort', onAbort, { once: true });
  const wall = setTimeout(() => stopper.stop('TOOL_TIMEOUT'), Math.min(call.wallMs, LONGEST_MS));
  const { stallMs } = call;
  const watchdog =
    stallMs === undefined
      ? undefined
      : setInterval(
          () => {
            if (Date.now() - lastAlive >= stallMs) stopper.stop('TOOL_STALLED');
          },
          Math.min(1000, stallMs / 4),
        );

  try {
    const [code, signal] = await ended(child);
    out.end();
    err.end();
    await groupGone(child.pid);
    if (stopper.reason)
      throw new AgentError(stopper.reason, undefined, {
        retryable: stopper.reason !== 'ABORTED',
        detail: stderr.toString(),
      });
    return { code, signal, stderr: stderr.toString(), wallMs: Date.now() - started };
  } finally {
    clearTimeout(wall);
    clearInterval(watchdog);
    stopper.dispose();
    call.signal.removeEventListener('abort', onAbort);
    forget();
  }
}

/** Resolves when the tool has ended and its pipes are closed, or all was read that was in them. */
function ended(child: ChildProcess & { pid: number }): Promise<[number | null, NodeJS.Signals | null]> {
  child.once('exit', () => {
    // The watcher shell, if there is one, outlives the tool and holds the group: it goes as soon as the tool went.
    signalGroup(child.pid, 'SIGKILL');
    // A process that left the group, such as a daemon of an operator's command, would hold them as long as it lives.
    const late = setTimeout(() => setImmediate(() => closePipes(child)), PIPES_MS);
    child.once('close', () => clearTimeout(late));
  });
  return new Promise((resolve) => {
    // An error after the start (a failed kill) does not end the tool; `close` will come.
    child.on('error', () => undefined);
    child.once('close', (code, signal) => resolve([code, signal]));
  });
}

/** To be called after a look at the pipes, not before: what the tool itself wrote last must not be lost. */
function closePipes(child: ChildProcess): void {
  for (const pipe of child.stdio) pipe?.destroy();
}
