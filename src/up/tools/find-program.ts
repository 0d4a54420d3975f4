import { accessSync, constants, readdirSync, realpathSync, statSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** All programs with this name on PATH, in its order, without those that lead to the same file. */
export function onPath(name: string, path = process.env.PATH ?? ''): string[] {
  const found = new Map<string, string>();
  for (const folder of path.split(delimiter).filter(Boolean)) {
    const candidate = join(folder, name);
    if (!isProgram(candidate)) continue;
    const real = realpathSync(candidate);
    if (!found.has(real)) found.set(real, candidate);
  }
  return [...found.values()];
}

/** Whether there is a file that this user may run. */
export function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The entries of a folder; none if it does not exist. */
export function entriesOf(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
