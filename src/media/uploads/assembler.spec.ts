import { createHash, randomBytes } from 'node:crypto';
import { copyFile, mkdtemp, open, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FolderBlobStore } from '../../platform/storage/folder-blob-store';
import { assemble, ChunkLost } from './assembler';
import { chunkGeometry, chunkLength } from './chunk-geometry';
import type { ReceivedChunk, Upload } from './upload';
import { UploadFiles } from './upload-files';

const CHUNK = 65_536;
const ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const GOING = new AbortController().signal;

describe('assemble', () => {
  let folder: string;
  let files: UploadFiles;
  let bytes: Buffer;
  let upload: Upload;
  let chunks: ReceivedChunk[];
  const sha256 = (data: Buffer) => createHash('sha256').update(data).digest('hex');

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agentos-assemble-'));
    files = new UploadFiles(new FolderBlobStore({ storageDir: folder }));
    bytes = randomBytes(6 * CHUNK + 123);
    const geometry = chunkGeometry(bytes.length, CHUNK);
    upload = { ...geometry, id: ID } as Upload;
    chunks = [];
    await files.incoming(ID); // makes the folder
    for (let index = 0; index < geometry.chunkCount; index += 1) {
      const data = bytes.subarray(index * CHUNK, index * CHUNK + (chunkLength(geometry, index) ?? 0));
      chunks.push({ index, sizeBytes: data.length, sha256: sha256(data) });
      await writeFile(await files.chunk(ID, index, sha256(data)), data);
    }
  });
  afterEach(() => rm(folder, { recursive: true }));

  const pathOf = (index: number) => files.chunk(ID, index, chunks[index]?.sha256 ?? '');

  /** Stops an assembly after `reads` blocks. */
  function stopAfter(reads: number): AbortSignal {
    return { throwIfAborted: () => void (reads-- > 0 || fail()) } as AbortSignal;
    function fail(): never {
      throw new Error('killed');
    }
  }

  async function expectWhole(): Promise<void> {
    const { path, sha256: sum } = await assemble(files, upload, chunks, GOING);
    expect(sum).toBe(sha256(bytes));
    expect((await readFile(path)).equals(bytes)).toBe(true);
    expect(await readdir(join(folder, '.tmp/uploads', ID))).toEqual(['assembled']);
  }

  it('puts the chunks together and removes them', () => expectWhole());

  it.each([0, 1, 2, 3, 4, 5, 6, 7])('goes on after it was stopped at block %d', async (reads) => {
    await assemble(files, upload, chunks, stopAfter(reads)).catch((error: Error) => {
      expect(error.message).toBe('killed');
    });
    await expectWhole();
  });

  it('goes on after it was stopped again and again', async () => {
    for (const reads of [2, 3, 4, 5, 6])
      await assemble(files, upload, chunks, stopAfter(reads)).catch(() => undefined);
    await expectWhole();
  });

  it('goes on where the chunks that were copied are gone already', async () => {
    const target = await files.assembled(ID);
    await writeFile(target, bytes.subarray(0, 4 * CHUNK + 100));
    for (const index of [0, 1, 2, 3]) await rm(await pathOf(index));
    await expectWhole();
  });

  it('is not disturbed by another that does the same', async () => {
    const results = await Promise.allSettled(
      Array.from({ length: 4 }, () => assemble(files, upload, chunks, GOING)),
    );
    const sums = results.flatMap((result) => (result.status === 'fulfilled' ? [result.value.sha256] : []));
    expect(sums.length).toBeGreaterThan(0);
    expect(new Set(sums)).toEqual(new Set([sha256(bytes)]));
    expect((await readFile(await files.assembled(ID))).equals(bytes)).toBe(true);
  });

  it('goes on where another, that was only slow, copies a chunk meanwhile and removes it', async () => {
    let looked = 0;
    const meanwhile: AbortSignal = { throwIfAborted: () => void (looked += 1) } as unknown as AbortSignal;
    const original = files.chunk.bind(files);
    jest.spyOn(files, 'chunk').mockImplementation(async (id, index, sum) => {
      const path = await original(id, index, sum);
      if (index !== 3 || looked === 0) return path;
      const target = await open(await files.assembled(ID), 'r+');
      await target.write(bytes, 3 * CHUNK, CHUNK, 3 * CHUNK);
      await target.close();
      await rm(path, { force: true });
      return path;
    });
    const { sha256: sum } = await assemble(files, upload, chunks, meanwhile);
    expect(sum).toBe(sha256(bytes));
  });

  it.each([0, 3, 6])('says that chunk %d is lost', async (index) => {
    await rm(await pathOf(index));
    await expect(assemble(files, upload, chunks, GOING)).rejects.toEqual(new ChunkLost(index));
  });

  it('says that a chunk is lost whose file is too short', async () => {
    await truncate(await pathOf(2), CHUNK - 1);
    await expect(assemble(files, upload, chunks, GOING)).rejects.toMatchObject({ index: 2 });
  });

  it('takes a chunk that was lost and sent again', async () => {
    await copyFile(await pathOf(4), join(folder, 'copy'));
    await rm(await pathOf(4));
    await expect(assemble(files, upload, chunks, GOING)).rejects.toBeInstanceOf(ChunkLost);
    await copyFile(join(folder, 'copy'), await pathOf(4));
    await expectWhole();
  });

  it('takes the first chunk again where the file that grows out of it was cut shorter', async () => {
    await copyFile(await pathOf(0), join(folder, 'copy'));
    await assemble(files, upload, chunks, stopAfter(2)).catch(() => undefined);
    await truncate(await files.assembled(ID), CHUNK - 1);
    await expect(assemble(files, upload, chunks, GOING)).rejects.toEqual(new ChunkLost(0));
    await copyFile(join(folder, 'copy'), await pathOf(0));
    await expectWhole();
  });

  describe('on a full disk', () => {
    /** Lets the write of that number, from 1, fail as on a full disk. */
    async function failWrite(number: number): Promise<void> {
      const handle = await open(await pathOf(0));
      const proto = Object.getPrototypeOf(handle) as { write: (...args: unknown[]) => Promise<unknown> };
      await handle.close();
      const { write } = proto;
      let calls = 0;
      jest.spyOn(proto, 'write').mockImplementation(function (this: unknown, ...args) {
        calls += 1;
        if (calls === number) return Promise.reject(Object.assign(new Error('full'), { code: 'ENOSPC' }));
        return write.apply(this, args);
      });
    }
    afterEach(() => jest.restoreAllMocks());

    it('makes room with the chunks that were copied', async () => {
      await failWrite(3);
      await expectWhole();
    });

    it('says so when there is no room to make, and goes on when there is', async () => {
      await failWrite(1);
      await expect(assemble(files, upload, chunks, GOING)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
      expect(await readdir(join(folder, '.tmp/uploads', ID))).toHaveLength(chunks.length);
      await expectWhole();
    });
  });
});
