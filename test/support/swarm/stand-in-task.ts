import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SwarmTask } from '../../../src/fleet/drivers/swarm/docker-engine';

/** Longer lines come in pieces of this size, as Docker's log drivers cut them. */
const PIECE_BYTES = 16 * 1024;

/** How often the health check looks, in milliseconds. */
const HEALTH_MS = 20;

/** One piece of output. */
interface Piece {
  at: string;
  stream: 1 | 2;
  bytes: Buffer;
}

/** One life of a replica, with a real process where Docker would have a container. */
export class StandInTask {
  readonly containerId = randomUUID();
  readonly description: SwarmTask;
  readonly pieces: Piece[] = [];
  readonly ended: Promise<void>;
  private readonly child: ChildProcess;
  private readonly upFile: string;
  private readonly health: NodeJS.Timeout;

  constructor(
    serviceId: string,
    readonly slot: number,
    nodeId: string,
    readonly template: { Command: string[]; Env?: string[]; StopGracePeriod: number },
  ) {
    const [, ...args] = template.Command;
    // Each container has its own /tmp; here all share one.
    this.upFile = join(tmpdir(), `up-${this.containerId}`);
    this.child = spawn(process.execPath, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...variables(template.Env), UP_FILE: this.upFile },
    });
    const now = new Date().toISOString();
    this.description = {
      ID: randomUUID(),
      ServiceID: serviceId,
      NodeID: nodeId,
      CreatedAt: now,
      DesiredState: 'running',
      Status: {
        Timestamp: now,
        State: 'starting',
        ContainerStatus: { ContainerID: this.containerId, PID: this.child.pid, ExitCode: 0 },
      },
    };
    this.health = setInterval(() => this.checkHealth(), HEALTH_MS);
    this.child.stdout?.on('data', (chunk: Buffer) => this.write(1, chunk));
    this.child.stderr?.on('data', (chunk: Buffer) => this.write(2, chunk));
    this.ended = new Promise((resolve) => {
      this.child.once('close', (code, signal) => {
        this.onEnd(code ?? 128 + (signal ? constants.signals[signal] : 0));
        resolve();
      });
    });
  }

  get isAlive(): boolean {
    return ['starting', 'running'].includes(this.description.Status.State);
  }

  /** SIGTERM, and SIGKILL after the grace period. */
  async shutDown(): Promise<void> {
    this.description.DesiredState = 'shutdown';
    if (!this.isAlive) return;
    this.signal('SIGTERM');
    const timer = setTimeout(() => this.signal('SIGKILL'), this.template.StopGracePeriod / 1e6);
    await this.ended;
    clearTimeout(timer);
  }

  signal(signal: NodeJS.Signals): void {
    if (this.child.pid !== undefined && this.isAlive) process.kill(-this.child.pid, signal);
  }

  private checkHealth(): void {
    if (!existsSync(this.upFile)) return;
    clearInterval(this.health);
    this.enter('running');
  }

  private onEnd(exitCode: number): void {
    clearInterval(this.health);
    rmSync(this.upFile, { force: true });
    if (this.description.Status.ContainerStatus) this.description.Status.ContainerStatus.ExitCode = exitCode;
    if (this.description.DesiredState === 'shutdown') return this.enter('shutdown');
    this.description.DesiredState = 'shutdown';
    this.enter(exitCode === 0 ? 'complete' : 'failed');
  }

  private enter(state: string): void {
    this.description.Status.State = state;
    this.description.Status.Timestamp = new Date().toISOString();
  }

  private write(stream: 1 | 2, chunk: Buffer): void {
    const at = `${new Date().toISOString().slice(0, -1)}000000Z`;
    for (const line of chunk.toString().match(/[^\n]*\n|[^\n]+$/g) ?? []) {
      const bytes = Buffer.from(line);
      for (let from = 0; from < bytes.length; from += PIECE_BYTES)
        this.pieces.push({ at, stream, bytes: bytes.subarray(from, from + PIECE_BYTES) });
    }
  }

  /** The newest `tail` pieces as the engine frames them: with times and with where they come from. */
  framedLog(tail: number): Buffer[] {
    return this.pieces.slice(-tail).map(({ at, stream, bytes }) => {
      const from = `com.docker.swarm.service.id=${this.description.ServiceID},com.docker.swarm.task.id=${this.description.ID}`;
      const text = Buffer.concat([Buffer.from(`${at} ${from} `), bytes]);
      const header = Buffer.alloc(8);
      header[0] = stream;
      header.writeUInt32BE(text.length, 4);
      return Buffer.concat([header, text]);
    });
  }
}

function variables(env: readonly string[] = []): NodeJS.ProcessEnv {
  return Object.fromEntries(env.map((variable) => variable.split('=', 2))) as NodeJS.ProcessEnv;
}
