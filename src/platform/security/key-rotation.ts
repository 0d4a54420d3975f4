import { mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { MAX_ACCESS_TOKEN_S } from '../settings/settings';
import { createOnce, newKeyFile, pemFiles, readKey, SETTLE_MS } from './signing-keys';

/** What clocks of machines that share the keys may differ by, in milliseconds. */
const SKEW_MS = 600_000;
/** A key has signed its last token when the next one has settled, and that token is good for so long at most. */
const RETIRED_AFTER_MS = SETTLE_MS + MAX_ACCESS_TOKEN_S * 1000 + SKEW_MS;

/** What came of looking at the old keys. */
export interface Pruned {
  /** Files that are gone. */
  removed: string[];
  /** Files whose tokens may still be in use, and when they can go. */
  waiting: { name: string; until: Date }[];
}

/** Adds a signing key, which running processes read within a second and sign with after {@link SETTLE_MS}. */
export async function addKey(dir: string): Promise<{ name: string; kid: string }> {
  await mkdir(dir, { recursive: true, mode: 0o700 });
  // Another rotation may take the number first; then the next one is free.
  for (;;) {
    const name = nextName((await pemFiles(dir)).at(-1));
    if (await createOnce(join(dir, name), newKeyFile))
      return { name, kid: (await readKey(join(dir, name))).kid };
  }
}

/** Removes the keys whose tokens have all expired. The newest ones stay. */
export async function pruneKeys(dir: string, now = Date.now()): Promise<Pruned> {
  const names = await pemFiles(dir);
  const result: Pruned = { removed: [], waiting: [] };
  for (const [index, name] of names.slice(0, -1).entries()) {
    const successor = names[index + 1] ?? name;
    const retiredAt = (await stat(join(dir, successor))).mtimeMs + RETIRED_AFTER_MS;
    if (retiredAt > now) {
      result.waiting.push({ name, until: new Date(retiredAt) });
      continue;
    }
    await rm(join(dir, name));
    result.removed.push(name);
  }
  return result;
}

function nextName(last: string | undefined): string {
  const number = /^jwt-(\d{4})\.pem$/.exec(last ?? 'jwt-0000.pem')?.[1];
  if (number === undefined || number === '9999')
    throw new Error(`${last} has no number that could be raised: give it a name from jwt-0001.pem on`);
  return `jwt-${String(Number(number) + 1).padStart(4, '0')}.pem`;
}
