import { createServer } from 'node:net';
import { StartProblem } from './problem';

/** A port of the loopback address that nobody listens on: `preferred` if that one is free, else any. */
export async function freePort(preferred?: number): Promise<number> {
  if (preferred && (await tryListen(preferred, '127.0.0.1')).free) return preferred;
  const { free, port } = await tryListen(0, '127.0.0.1');
  if (!free) throw new StartProblem('No free port is left on 127.0.0.1.');
  return port;
}

/**
 * Makes sure that the process to come can listen on `port`.
 *
 * @param setting the name of the setting that changes it
 * @throws StartProblem if it cannot
 */
export async function requirePort(port: number, host: string, setting: string): Promise<void> {
  const { free, code } = await tryListen(port, host);
  if (free) return;
  if (code === 'EADDRINUSE') {
    throw new StartProblem(
      `Port ${port} is in use by another program; stop it, or choose another one: ${setting}=${port + 1} npm start`,
    );
  }
  if (code === 'EACCES') {
    throw new StartProblem(
      `Port ${port} may not be used by this user; choose one above 1023: ${setting}=${port + 8000} npm start`,
    );
  }
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
    throw new StartProblem(`HOST=${host} is no address of this machine.`);
  }
  throw new StartProblem(`Port ${port} on ${host} cannot be used (${code}).`);
}

interface Attempt {
  free: boolean;
  port: number;
  code: string;
}

function tryListen(port: number, host: string): Promise<Attempt> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve({ free: false, port, code: error.code ?? error.message });
    });
    server.listen({ port, host, exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' && address ? address.port : port;
      server.close(() => resolve({ free: true, port: bound, code: '' }));
    });
  });
}
