import fs, { open } from 'node:fs/promises';

/** What fails on a full disk: a new folder, a new file, its bytes, a new name. */
export const DISK_NEEDS = ['mkdir', 'open', 'write', 'rename'] as const;
export type DiskNeed = (typeof DISK_NEEDS)[number];

type Anything = (...args: unknown[]) => Promise<unknown>;

/**
 * Lets everything of a kind fail as on a full disk, in this process, below `folder` where there is a path, until
 * `jest.restoreAllMocks()`. A small file system would do the same, but only an administrator can make one.
 */
export async function fillDisk(need: DiskNeed, folder: string): Promise<void> {
  if (need !== 'write') return failAt(fs as unknown as Record<string, Anything>, need, folder);
  const handle = await open('/dev/null');
  const proto = Object.getPrototypeOf(handle) as Record<string, Anything>;
  await handle.close();
  failAt(proto, 'write');
  failAt(proto, 'writev');
}

function failAt(of: Record<string, Anything>, name: string, folder?: string): void {
  const original = of[name] as Anything;
  jest.spyOn(of, name).mockImplementation(function (this: unknown, ...args) {
    const [path, flags] = args;
    const elsewhere = folder !== undefined && !String(path).startsWith(folder);
    // A file that is only read, or is there, needs no space.
    if (elsewhere || (name === 'open' && flags !== 'wx')) return original.apply(this, args);
    const error = new Error(`ENOSPC: no space left on device, ${name}`);
    return Promise.reject(Object.assign(error, { code: 'ENOSPC' }));
  });
}
