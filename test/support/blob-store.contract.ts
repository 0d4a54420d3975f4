import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { BlobStore } from '../../src/platform/storage/blob-store';

const MIB = 1 << 20;

/** How long a test may take on a machine that is busy with others, in milliseconds. */
const PATIENCE_MS = 60_000;

/** All pieces together. */
export async function contentsOf(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = [];
  for await (const piece of pieces) kept.push(Buffer.from(piece));
  return Buffer.concat(kept);
}

/** What every blob store does, as tests of one that is there when they run. */
export function blobStoreContract(storeOf: () => BlobStore): void {
  const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

  async function put(key: string, contents: string | Buffer) {
    const source = join(await storeOf().tempDir(), 'new');
    await writeFile(source, contents);
    return storeOf().put(key, source);
  }

  async function keysBelow(prefix: string): Promise<string[]> {
    const keys: string[] = [];
    for await (const { key } of storeOf().list(prefix)) keys.push(key);
    return keys.sort();
  }

  it('moves a file in and tells its size and checksum', async () => {
    const blob = await put('jobs/1/a.txt', 'hello');
    expect(blob).toEqual({ size: 5, sha256: sha256(Buffer.from('hello')) });
    expect(await readdir(await storeOf().tempDir())).toEqual([]);
    expect(await storeOf().stat('jobs/1/a.txt')).toEqual(expect.objectContaining({ size: 5 }));
  });

  it('believes a checksum that is known', async () => {
    const source = join(await storeOf().tempDir(), 'new');
    await writeFile(source, 'hello');
    const known = { size: 5, sha256: sha256(Buffer.from('hello')) };
    expect(await storeOf().put('known/a', source, known)).toBe(known);
  });

  it(
    'keeps files of many parts, and gives them back whole and in ranges',
    async () => {
      const bytes = randomBytes(17 * MIB + 17);
      expect(await put('big/file', bytes)).toEqual({ size: bytes.length, sha256: sha256(bytes) });
      expect((await contentsOf(storeOf().pieces('big/file'))).equals(bytes)).toBe(true);
      for (const [start, end] of [
        [0, 9],
        [8 * MIB - 3, 8 * MIB + 3],
        [bytes.length - 1, bytes.length - 1],
      ] as const) {
        const part = await contentsOf(storeOf().pieces('big/file', { start, end }));
        expect({ start, length: part.length }).toEqual({ start, length: end - start + 1 });
        expect(part.equals(bytes.subarray(start, end + 1))).toBe(true);
      }
    },
    PATIENCE_MS,
  );

  it('gives a local file until it is released, to several at a time', async () => {
    const bytes = randomBytes(300_000);
    await put('local/file', bytes);
    const files = await Promise.all([1, 2, 3].map(() => storeOf().local('local/file')));
    for (const { path } of files) expect((await readFile(path)).equals(bytes)).toBe(true);
    for (const file of files) file.release();
    files[0]?.release();
    const again = await storeOf().local('local/file');
    expect((await readFile(again.path)).equals(bytes)).toBe(true);
    again.release();
  });

  it('keeps an empty file', async () => {
    await put('empty/file', '');
    expect(await storeOf().stat('empty/file')).toEqual(expect.objectContaining({ size: 0 }));
    for (const range of [undefined, { start: 0, end: -1 }])
      expect(await contentsOf(storeOf().pieces('empty/file', range))).toHaveLength(0);
  });

  it('has nothing where nothing is', async () => {
    expect(await storeOf().stat('none/file')).toBeUndefined();
    await expect(contentsOf(storeOf().pieces('none/file'))).rejects.toThrow();
    await expect(storeOf().local('none/file')).rejects.toThrow();
    await storeOf().delete('none/file');
    expect(await storeOf().deletePrefix('none')).toBe(0);
    expect(await keysBelow('none')).toEqual([]);
  });

  it('replaces what is under a key, whole', async () => {
    await put('again/file', 'the first');
    await put('again/file', 'second');
    expect((await contentsOf(storeOf().pieces('again/file'))).toString()).toBe('second');
  });

  it('lists and removes all below a prefix, and nothing that only begins alike', async () => {
    for (const key of ['p/1/a', 'p/1/b/c', 'p/10/a', 'p/2/a']) await put(key, '123');
    expect(await keysBelow('p/1')).toEqual(['p/1/a', 'p/1/b/c']);
    expect(await storeOf().deletePrefix('p/1')).toBe(6);
    expect(await keysBelow('p')).toEqual(['p/10/a', 'p/2/a']);
    await storeOf().delete('p/2/a');
    expect(await keysBelow('p')).toEqual(['p/10/a']);
    for await (const blob of storeOf().list('p')) {
      expect(blob.size).toBe(3);
      expect(Math.abs(Date.now() - blob.modifiedAt.getTime())).toBeLessThan(60_000);
    }
  });

  it('can be checked', () => storeOf().check());

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
    await expect(storeOf().local(key)).rejects.toThrow('malformed');
    await expect(storeOf().stat(key)).rejects.toThrow('malformed');
    await expect(storeOf().deletePrefix(key)).rejects.toThrow('malformed');
  });
}
