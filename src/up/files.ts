import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

/** The user and group that own a file or run a process. */
export interface Owner {
  uid: number;
  gid: number;
}

/** Makes a folder, with its parents, that nobody but its owner can look into (0700). */
export function privateFolder(path: string, owner?: Owner): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  chmodSync(path, 0o700);
  if (owner) chownSync(path, owner.uid, owner.gid);
  return path;
}

/** Writes a file that nobody but its owner can read (0600), whole or not at all. */
export function writePrivate(path: string, content: string, owner?: Owner): void {
  mkdirSync(dirname(path), { recursive: true });
  const draft = `${path}.${process.pid}.new`;
  try {
    writeFileSync(draft, content, { mode: 0o600 });
    chmodSync(draft, 0o600);
    if (owner) chownSync(draft, owner.uid, owner.gid);
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}

/** A generated password, kept in a private file so that it stays the same over starts. An empty file keeps none. */
export function keptSecret(path: string): string {
  const kept = secretIn(path);
  if (kept) return kept;
  const secret = randomBytes(24).toString('base64url');
  writePrivate(path, `${secret}\n`);
  return secret;
}

/** The password in a file; undefined if there is no file, or nothing in it, as a power cut may leave it. */
export function secretIn(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').trim() || undefined : undefined;
}

/** The content of a JSON file; undefined if there is none or it is broken. */
export function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}
