import { createHash } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { loadEnv } from '../settings/env';
import { FolderBlobStore, storageError } from './folder-blob-store';

describe('FolderBlobStore', () => {
  let root: string;
  let store: FolderBlobStore;

  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'blobs-'));
    store = new FolderBlobStore(loadEnv({ STORAGE_DIR: root }));
  });
  afterEach(() => rm(root, { recursive: true }));

  async function put(key: string, contents: string) {
    const source = join(await store.tempDir(), 'new');
    await writeFile(source, contents);
    return store.put(key, source);
  }

  it('moves a file in and tells its size and checksum', async () => {
    const blob = await put('jobs/1/a.txt', 'hello');
    expect(blob).toEqual({ size: 5, sha256: createHash('sha256').update('hello').digest('hex') });
    expect(await readdir(await store.tempDir())).toEqual([]);
    expect(await readFile(await store.localPath('jobs/1/a.txt'), 'utf8')).toBe('hello');
    expect(await store.stat('jobs/1/a.txt')).toEqual({ size: 5 });
  });

  it('moves a file in from another file system', async () => {
    // Memory, on every Linux; the store is on disk.
    const elsewhere = await mkdtemp('/dev/shm/blobs-');
    try {
      const source = join(elsewhere, 'new');
      await writeFile(source, 'hello');
      expect(await store.put('jobs/1/a.txt', source)).toMatchObject({ size: 5 });
      expect(await readFile(await store.localPath('jobs/1/a.txt'), 'utf8')).toBe('hello');
      expect([await readdir(elsewhere), await readdir(await store.tempDir())]).toEqual([[], []]);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('reads all or a part', async () => {
    await put('a', '0123456789');
    expect(await text(await store.open('a'))).toBe('0123456789');
    expect(await text(await store.open('a', { start: 2, end: 4 }))).toBe('234');
  });

  it('removes one and many, and tells what that freed', async () => {
    await put('jobs/1/a', '123');
    await put('jobs/1/b/c', '4567');
    await put('jobs/2/a', 'x');
    expect(await store.deletePrefix('jobs/1')).toBe(7);
    expect(await store.stat('jobs/1/a')).toBeUndefined();
    await store.delete('jobs/2/a');
    await store.delete('jobs/2/a');
    expect(await store.stat('jobs/2/a')).toBeUndefined();
  });

  it.each([
    '../x',
    'a/../../x',
    '/etc/passwd',
    'a//b',
    '',
    '.tmp/x',
    'a/..',
    'a\0b',
    'a b',
    'a\\b',
    '-'.repeat(300),
  ])('throws on the key "%s"', async (key) => {
    await expect(store.localPath(key)).rejects.toThrow('malformed');
  });

  it('says that the disk is full', () => {
    expect(storageError(Object.assign(new Error(), { code: 'ENOSPC' }))).toMatchObject({
      code: 'STORAGE_FULL',
    });
    const other = new Error();
    expect(storageError(other)).toBe(other);
  });
});
