import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStoreContract, contentsOf } from '../../../test/support/blob-store.contract';
import { FolderBlobStore } from './folder-blob-store';
import { storageError } from './local-disk';

describe('FolderBlobStore', () => {
  let root: string;
  let store: FolderBlobStore;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 'blobs-'));
    store = new FolderBlobStore({ storageDir: root });
  });
  afterAll(() => rm(root, { recursive: true }));

  blobStoreContract(() => store);

  it('moves a file in from another file system', async () => {
    // Memory, on every Linux; the store is on disk.
    const elsewhere = await mkdtemp('/dev/shm/blobs-');
    try {
      const source = join(elsewhere, 'new');
      await writeFile(source, 'hello');
      expect(await store.put('elsewhere/1/a.txt', source)).toMatchObject({ size: 5 });
      expect((await contentsOf(store.pieces('elsewhere/1/a.txt'))).toString()).toBe('hello');
      expect([await readdir(elsewhere), await readdir(await store.tempDir())]).toEqual([[], []]);
    } finally {
      await rm(elsewhere, { recursive: true });
    }
  });

  it('removes what others remove at the same time', async () => {
    for (let index = 0; index < 60; index += 1) {
      const folder = join(root, 'going', String(index), 'files');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'a.txt'), 'hello');
    }
    const others: Promise<number>[] = [];
    for (let turn = 0; turn < 40; turn += 1) {
      others.push(store.deletePrefix('going'));
      await new Promise(setImmediate);
    }
    await Promise.all(others);
    expect(await readdir(root)).not.toContain('going');
  });

  it('says that the disk is full', () => {
    expect(storageError(Object.assign(new Error(), { code: 'ENOSPC' }))).toMatchObject({
      code: 'STORAGE_FULL',
    });
    const other = new Error();
    expect(storageError(other)).toBe(other);
  });
});
