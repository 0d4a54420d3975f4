import { existsSync, readFileSync } from 'node:fs';
import { readdir, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { v7 as uuidv7 } from 'uuid';
import { ChunkReceiver } from '../../src/media/uploads/chunk-receiver';
import { UploadFinalizer } from '../../src/media/uploads/upload-finalizer';
import { UploadStore } from '../../src/media/uploads/upload-store';
import { UploadSweeper } from '../../src/media/uploads/upload-sweeper.manager';
import { UploadsModule } from '../../src/media/uploads/uploads.module';
import { UploadsService } from '../../src/media/uploads/uploads.service';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { bootModules, type TestApp } from '../support/app';
import { CHUNK, chunkOf, randomFile, sha256 } from '../support/uploading';
import { makeUser } from '../support/users';

/** What a finalizer left behind when it was killed, as rows and files. */
describe('finalizing what another process began', () => {
  let test: TestApp;
  let finalizer: UploadFinalizer;
  let userId: string;
  const file = randomFile(5 * CHUNK + 77);

  beforeAll(async () => {
    test = await bootModules([UploadsModule]);
    finalizer = test.get(UploadFinalizer);
    ({ id: userId } = await makeUser(test.database));
  });
  afterAll(() => test?.close());

  const folderOf = (id: string) => join(test.env.storageDir, '.tmp', 'uploads', id);
  const sourceOf = (id: string) => join(test.env.storageDir, 'uploads', id, 'source');

  /** An upload with all of its chunks. */
  async function received(): Promise<string> {
    const { id, chunkCount } = await test.get(UploadsService).init({
      userId,
      filename: 'video.mp4',
      sizeBytes: file.length,
      chunkSize: CHUNK,
    });
    for (let index = 0; index < chunkCount; index += 1) await receive(id, index);
    return id;
  }

  const receive = (uploadId: string, index: number) =>
    test.get(ChunkReceiver).receive({ userId, uploadId, index, body: Readable.from([chunkOf(file, index)]) });

  /** Another process claimed the upload and was not heard of since; negative seconds: for too long. */
  const claimed = (id: string, leaseS: number) =>
    test.database.query(
      `UPDATE uploads SET status = 'finalizing', finalizer = $2, lease_until = now() + make_interval(secs => $3)
       WHERE id = $1`,
      [id, uuidv7(), leaseS],
    );

  const overdue = (id: string) =>
    test.database.query(`UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1`, [id]);
  const sweep = () => test.get(UploadSweeper).run({ signal: new AbortController().signal });

  const rowOf = async (id: string) => {
    const rows = await test.database.query('SELECT status, sha256, finalizer FROM uploads WHERE id = $1', [
      id,
    ]);
    return rows[0];
  };

  async function expectFinalized(id: string): Promise<void> {
    expect(await finalizer.finalize(id, userId)).toMatchObject({ status: 'finalized', sha256: sha256(file) });
    expect(readFileSync(sourceOf(id)).equals(file)).toBe(true);
    await expect(readdir(folderOf(id))).rejects.toThrow('ENOENT');
    expect(await rowOf(id)).toEqual({ status: 'finalized', sha256: sha256(file), finalizer: null });
  }

  it('takes over when the lease has run out, from chunks half copied', async () => {
    const id = await received();
    const folder = folderOf(id);
    await writeFile(join(folder, 'assembled'), file.subarray(0, 3 * CHUNK + 9));
    for (const index of [0, 1, 2]) await rm(join(folder, `${index}-${sha256(chunkOf(file, index))}`));
    await claimed(id, -1);
    await expectFinalized(id);
  });

  it('records a file that was stored by one that died before it could', async () => {
    const id = await received();
    const folder = folderOf(id);
    await writeFile(join(folder, 'assembled'), file);
    await test.get(BlobStore).put(`uploads/${id}/source`, join(folder, 'assembled'));
    await rm(join(folder, `0-${sha256(chunkOf(file, 0))}`));
    await claimed(id, -1);
    await expectFinalized(id);
  });

  it('leaves a file that nobody came to record to the sweeper, when the time of its upload is over', async () => {
    const id = await received();
    await writeFile(join(folderOf(id), 'assembled'), file);
    await test.get(BlobStore).put(`uploads/${id}/source`, join(folderOf(id), 'assembled'));
    await claimed(id, -1);
    await overdue(id);
    expect(await sweep()).toEqual({ items: 1 });
    expect([existsSync(sourceOf(id)), existsSync(folderOf(id))]).toEqual([false, false]);
    expect(await sweep()).toEqual({ items: 0 });
  });

  it('keeps nothing of a file that is stored when its upload was swept already', async () => {
    const id = await received();
    const [blobs, store] = [test.get(BlobStore), test.get(UploadStore)];
    const put = blobs.put.bind(blobs);
    jest.spyOn(blobs, 'put').mockImplementationOnce(async (...args) => {
      await claimed(id, -1);
      await overdue(id);
      await store.expire(1);
      await store.forgetFile(id);
      return put(...args);
    });
    await expect(finalizer.finalize(id, userId)).rejects.toMatchObject({ code: 'UPLOAD_EXPIRED' });
    expect(existsSync(sourceOf(id))).toBe(false);
  });

  it('waits for one that is at it, and says so when that takes too long', async () => {
    const id = await received();
    await claimed(id, 60);
    expect(await finalizer.finalize(id, userId, undefined, 300)).toMatchObject({ status: 'finalizing' });
    const waiting = finalizer.finalize(id, userId, undefined, 10_000);
    await test.database.query(`UPDATE uploads SET status = 'open', finalizer = NULL WHERE id = $1`, [id]);
    expect(await waiting).toMatchObject({ status: 'finalized', sha256: sha256(file) });
  });

  it('answers one that looked before another was done, and went on after it', async () => {
    const id = await received();
    const { upload } = await test.get(UploadsService).get(id);
    await finalizer.finalize(id, userId);
    jest.spyOn(test.get(UploadStore), 'find').mockResolvedValueOnce(upload);
    await expectFinalized(id);
  });

  it('cannot be disturbed by one whose lease had run out', async () => {
    const id = await received();
    const answers = await Promise.all([
      finalizer.finalize(id, userId),
      claimed(id, -1).then(() => finalizer.finalize(id, userId)),
    ]);
    for (const answer of answers) expect(answer).toMatchObject({ status: 'finalized', sha256: sha256(file) });
    expect(readFileSync(sourceOf(id)).equals(file)).toBe(true);
  });

  it.each([
    ['gone', (path: string) => rm(path)],
    ['cut', (path: string) => truncate(path, 100)],
  ])('asks again for a chunk whose file is %s', async (_name, harm) => {
    const id = await received();
    await harm(join(folderOf(id), `2-${sha256(chunkOf(file, 2))}`));
    await expect(finalizer.finalize(id, userId)).rejects.toMatchObject({
      code: 'UPLOAD_INCOMPLETE',
      details: [{ path: 'chunks.2', message: 'is missing' }],
    });
    const { upload } = await test.get(UploadsService).get(id);
    expect(upload).toMatchObject({ status: 'open', receivedBytes: file.length - CHUNK });
    await receive(id, 2);
    await expectFinalized(id);
  });
});
