import { linkSync, mkdirSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { readJson } from '../files';
import { isAlive, ownIdentity, type ProcessIdentity } from '../../platform/process/process-identity';

/** What the lock file says about its holder. */
interface Holder extends ProcessIdentity {
  since: string;
}

/** Another process holds the lock. */
export class LockHeld extends Error {
  override name = 'LockHeld';

  constructor(readonly holder: ProcessIdentity) {
    super(`held by process ${holder.pid}`);
  }
}

/**
 * Takes the lock at `path` for this process. A lock whose holder is gone (by id and start time) is taken
 * over, so a SIGKILL leaves nothing that somebody must remove by hand.
 *
 * @returns what gives it back
 * @throws LockHeld if its holder runs
 */
export function takeLock(path: string): () => void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}`;
  const own: Holder = { ...ownIdentity(), since: new Date().toISOString() };
  writeFileSync(draft, JSON.stringify(own), { mode: 0o600 });
  try {
    if (!tryLink(draft, path)) takeOver(draft, path);
  } finally {
    rmSync(draft, { force: true });
  }
  return () => {
    const holder = readJson<Holder>(path);
    if (holder?.pid === own.pid && holder.start === own.start) rmSync(path, { force: true });
  };
}

/** Only one process at a time may judge a lock stale: else one could remove the lock that another just took. */
function takeOver(draft: string, path: string): void {
  const gate = `${path}.takeover`;
  if (!tryLink(draft, gate)) {
    const other = readJson<Holder>(gate);
    if (other && isAlive(other)) throw new LockHeld(other);
    rmSync(gate, { force: true });
    if (!tryLink(draft, gate)) throw new LockHeld(readJson<Holder>(gate) ?? ownIdentity());
  }
  try {
    const holder = readJson<Holder>(path);
    if (holder && isAlive(holder)) throw new LockHeld(holder);
    rmSync(path, { force: true });
    if (!tryLink(draft, path)) throw new LockHeld(readJson<Holder>(path) ?? ownIdentity());
  } finally {
    unlinkSync(gate);
  }
}

/** Gives a finished file its name only if that name is free: both at once, unlike write-then-check. */
function tryLink(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}
