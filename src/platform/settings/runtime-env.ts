import { EnvError } from './env-error';

/** Where the engine of Docker is reached. */
export type DockerAddress = { socketPath: string } | { host: string; port: number };

/** What starts and stops the processes of this installation, and how it is reached. */
export type RuntimeEnv =
  | { kind: 'none' }
  | { kind: 'process'; socket: string }
  | { kind: 'swarm'; docker: DockerAddress; stack: string };

/**
 * Reads what belongs together. DOCKER_HOST alone does not choose the swarm: people have it set for other
 * purposes, and then it need not even be one that we understand.
 *
 * @throws EnvError naming the value that is wrong, and why
 */
export function runtimeOf(env: {
  RUNTIME_DRIVER?: 'process' | 'swarm' | 'none' | undefined;
  LAUNCHER_SOCKET: string;
  DOCKER_HOST: string;
  SWARM_STACK: string;
}): RuntimeEnv {
  const kind = env.RUNTIME_DRIVER ?? (env.LAUNCHER_SOCKET ? 'process' : 'none');
  if (kind === 'none') return { kind };
  if (kind === 'swarm') return { kind, docker: dockerAddress(env.DOCKER_HOST), stack: env.SWARM_STACK };
  if (!env.LAUNCHER_SOCKET) {
    throw new EnvError('LAUNCHER_SOCKET must be given where RUNTIME_DRIVER is process; npm start sets both');
  }
  return { kind, socket: env.LAUNCHER_SOCKET };
}

function dockerAddress(value: string): DockerAddress {
  const url = URL.canParse(value) ? new URL(value) : undefined;
  if (url?.protocol === 'unix:' && url.pathname.length > 1 && !url.host) return { socketPath: url.pathname };
  if (url?.protocol === 'tcp:' && url.hostname && url.port && /^\/?$/.test(url.pathname)) {
    return { host: url.hostname, port: Number(url.port) };
  }
  throw new EnvError(`DOCKER_HOST must be unix:///PATH or tcp://HOST:PORT, not "${value}"`);
}
