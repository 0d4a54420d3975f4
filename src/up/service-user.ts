import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { Owner } from './files';
import { StartProblem } from './problem';

/** As whom Postgres and Redis run, and in which folder their data and fetched binaries lie. */
export interface ServiceUser {
  /** Undefined: as the user that starts the launcher. */
  owner: Owner | undefined;
  name: string;
  folder: string;
}

/** Tried in this order when the launcher runs as root: Postgres refuses to. */
const CANDIDATES = ['postgres', 'nobody'];

/**
 * Postgres refuses to run as root, and Redis should not. Run by root, both run as `postgres` or, where that
 * user does not exist, as `nobody`. Their folder is the installation's; where that user cannot get there
 * (a parent is closed, like /root), it is /var/lib/agentos-HASH, the same one for each start.
 *
 * @param home the installation's folder, which exists
 */
export function serviceUser(home: string): ServiceUser {
  if (process.getuid?.() !== 0) return { owner: undefined, name: '', folder: home };
  for (const name of CANDIDATES) {
    const owner = lookUp(name);
    if (!owner) continue;
    if (canEnter(home, owner)) return { owner, name, folder: home };
    const digest = createHash('sha256').update(home).digest('hex').slice(0, 12);
    return { owner, name, folder: join('/var/lib', `agentos-${digest}`) };
  }
  throw new StartProblem(
    'Postgres refuses to run as root, and there is no user "postgres" or "nobody" to run it as; start as another user.',
  );
}

function lookUp(name: string): Owner | undefined {
  try {
    const ask = (flag: string) =>
      Number(execFileSync('id', [flag, name], { encoding: 'utf8', stdio: 'pipe' }));
    const owner = { uid: ask('-u'), gid: ask('-g') };
    return owner.uid > 0 ? owner : undefined;
  } catch {
    return undefined;
  }
}

/** Asked of the system itself, which knows about access lists and mounts too. */
function canEnter(folder: string, owner: Owner): boolean {
  return (
    spawnSync('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], { ...owner, cwd: '/', stdio: 'ignore' }).status ===
    0
  );
}
