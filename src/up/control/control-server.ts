import { createHash } from 'node:crypto';
import { chmodSync, rmSync } from 'node:fs';
import { createServer, type Server, type Socket } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { readJsonLines } from '../../fleet/drivers/process/json-lines';
import {
  MAX_REQUEST_LENGTH,
  type ControlAnswer,
  type ControlRequest,
} from '../../fleet/drivers/process/protocol';
import {
  RUNTIME_ROLES,
  RuntimeDriverError,
  type RuntimeDriver,
  type ScaleScope,
} from '../../fleet/runtime-driver';
import { privateFolder } from '../files';

/** The kernel's limit is 104 to 108 characters; a longer path is cut off without a word. */
const MAX_SOCKET_PATH = 100;

/** Where the control socket of an installation lies: in its run folder, or in a private temporary one. */
export function socketPath(runFolder: string): string {
  const path = join(runFolder, 'launcher.sock');
  if (path.length <= MAX_SOCKET_PATH) return path;
  const digest = createHash('sha256').update(runFolder).digest('hex').slice(0, 12);
  return join(tmpdir(), `agentos-${userInfo().uid}-${digest}`, 'launcher.sock');
}

/**
 * Answers requests for process control on a unix socket that only the launcher's own user can open.
 * One JSON object a line; see ControlRequest and ControlAnswer.
 */
export class ControlServer {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    readonly path: string,
  ) {}

  /** Listens; a socket file that a killed launcher left is replaced. */
  static async listen(runFolder: string, driver: RuntimeDriver): Promise<ControlServer> {
    const path = socketPath(runFolder);
    privateFolder(join(path, '..'));
    rmSync(path, { force: true });
    const server = createServer();
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    chmodSync(path, 0o600);
    const control = new ControlServer(server, path);
    server.on('connection', (socket) => control.serve(socket, driver));
    return control;
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private serve(socket: Socket, driver: RuntimeDriver): void {
    this.sockets.add(socket);
    socket.on('close', () => this.sockets.delete(socket));
    // Whoever asked and went away does not need the answer.
    socket.on('error', () => socket.destroy());
    const answer = (message: ControlAnswer) =>
      socket.writable && socket.write(`${JSON.stringify(message)}\n`);
    const onValue = (value: unknown) => {
      const id = idOf(value);
      perform(value, driver).then(
        (result) => answer({ id, ok: true, result }),
        (error: unknown) => answer({ id, ok: false, error: describeError(error) }),
      );
    };
    readJsonLines(socket, MAX_REQUEST_LENGTH, onValue, (reason) => {
      answer({ id: 0, ok: false, error: { code: 'INVALID', message: `The request is broken: ${reason}.` } });
      socket.end();
    });
  }
}

async function perform(value: unknown, driver: RuntimeDriver): Promise<unknown> {
  const request = checked(value);
  switch (request.method) {
    case 'list':
      return driver.list();
    case 'scale':
      return driver.scale(request.role, request.replicas, request.scope);
    case 'addWorker':
      return driver.addWorker(request.pool, request.name);
    case 'logs':
      return driver.logs(request.name, request.limit);
    case 'start':
    case 'stop':
    case 'restart':
    case 'kill':
      return driver[request.method](request.name);
  }
}

const METHODS: readonly string[] = ['list', 'start', 'stop', 'restart', 'kill', 'scale', 'addWorker', 'logs'];

function checked(value: unknown): ControlRequest {
  const { method, name, role, scope, pool } = (value ?? {}) as Record<string, unknown>;
  if (typeof method !== 'string' || !METHODS.includes(method))
    invalid(`method must be one of ${METHODS.join(', ')}`);
  if (method === 'scale' && !RUNTIME_ROLES.some((known) => known === role)) {
    invalid(`role must be one of ${RUNTIME_ROLES.join(', ')}`);
  }
  if (method === 'scale' && !isScope(scope)) invalid('scope must have a pool and names to go first');
  if (method === 'addWorker' && typeof pool !== 'string') invalid('pool must be a string');
  if (method !== 'list' && method !== 'scale' && typeof name !== 'string') invalid('name must be a string');
  return value as ControlRequest;
}

function isScope(value: unknown): value is ScaleScope {
  if (typeof value !== 'object' || value === null) return false;
  const { pool, first } = value as Record<string, unknown>;
  const areNames = Array.isArray(first) && first.every((name) => typeof name === 'string');
  return (pool === undefined || typeof pool === 'string') && (first === undefined || areNames);
}

function invalid(reason: string): never {
  throw new RuntimeDriverError('INVALID', `The request is wrong: ${reason}.`);
}

function idOf(value: unknown): number {
  const id = (value as { id?: unknown } | null)?.id;
  return typeof id === 'number' ? id : 0;
}

function describeError(error: unknown): { code: RuntimeDriverError['code']; message: string } {
  if (error instanceof RuntimeDriverError) return { code: error.code, message: error.message };
  return { code: 'FAILED', message: error instanceof Error ? error.message : String(error) };
}
