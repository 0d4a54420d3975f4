import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { entriesOf, onPath } from './find-program';
import { run } from './run';

/** Whether this is Debian or a system made from it, with its package manager. */
export function hasApt(): boolean {
  return existsSync('/etc/debian_version') && onPath('apt-get').length > 0;
}

/**
 * Installs a Debian package, as root, without starting any service it brings.
 *
 * @returns undefined, or the reason why it did not work
 */
export async function aptInstall(name: string, signal: AbortSignal): Promise<string | undefined> {
  const policy = '/usr/sbin/policy-rc.d';
  // Debian's own switch for "install, but start nothing"; somebody else's is left alone.
  const ours = !existsSync(policy);
  if (ours) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', name], { env, signal });
  try {
    let result = await install();
    if (result.code !== 0) {
      await run('apt-get', ['update'], { env, signal });
      result = await install();
    }
    return result.code === 0 ? undefined : reasonIn(result.output);
  } finally {
    if (ours) rmSync(policy, { force: true });
  }
}

/**
 * Fetches a Debian package with all it needs that is not installed, and unpacks it into `folder`: what
 * somebody who is not root can do. Package lists are fetched into `folder` too if the system has none.
 *
 * @returns undefined, or the reason why it did not work
 */
export async function aptUnpack(
  name: string,
  folder: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const state = join(folder, '.apt');
  const debs = join(state, 'debs');
  mkdirSync(join(state, 'lists', 'partial'), { recursive: true });
  mkdirSync(join(state, 'archives', 'partial'), { recursive: true });
  mkdirSync(debs, { recursive: true });
  const own = [
    '-o',
    `Dir::State::lists=${join(state, 'lists')}`,
    '-o',
    `Dir::Cache=${state}`,
    '-o',
    'Debug::NoLocking=1',
  ];
  try {
    for (const options of [[], own]) {
      if (options.length > 0) await run('apt-get', [...options, 'update'], { signal });
      const plan = await run('apt-get', [...options, '-s', '--no-install-recommends', 'install', name], {
        signal,
      });
      const wanted = packagesIn(plan.output);
      if (plan.code !== 0 || wanted.length === 0) continue;
      const fetched = await run('apt-get', [...options, 'download', ...wanted], { cwd: debs, signal });
      if (fetched.code !== 0) continue;
      return await unpack(debs, folder, signal);
    }
    return `apt-get does not find ${name}`;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

async function unpack(debs: string, folder: string, signal: AbortSignal): Promise<string | undefined> {
  for (const deb of entriesOf(debs)) {
    const { code, output } = await run('dpkg-deb', ['-x', join(debs, deb), folder], { signal });
    if (code !== 0) return reasonIn(output);
  }
  return undefined;
}

/** The folders of an unpacked Debian package that hold libraries, as LD_LIBRARY_PATH wants them. */
export function libraryPath(folder: string): string {
  return ['usr/lib', 'lib']
    .flatMap((base) => [base, ...entriesOf(join(folder, base)).map((entry) => join(base, entry))])
    .filter((path) => path === 'usr/lib' || path === 'lib' || path.includes('-linux-'))
    .map((path) => join(folder, path))
    .filter((path) => existsSync(path))
    .join(':');
}

/** The packages that `apt-get -s install` would install. */
export function packagesIn(simulation: string): string[] {
  return [...simulation.matchAll(/^Inst (\S+)/gm)].map((match) => match[1] ?? '');
}

function reasonIn(output: string): string {
  const lines = output.trim().split('\n');
  return lines.find((line) => line.startsWith('E: ')) ?? lines.pop() ?? 'apt-get failed';
}

/** The name and version of the system, for messages. */
export function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}
