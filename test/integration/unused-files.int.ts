import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { UploadSweeper } from '../../src/media/uploads/upload-sweeper.manager';
import { ExportSweeper } from '../../src/pipeline/exports/export-sweeper.manager';
import { BlobStore } from '../../src/platform/storage/blob-store';
import type { HttpClient } from '../support/http-client';
import { begin, CHUNK, finalize, outcome, randomFile, send, statusOf } from '../support/uploading';
import { bootUserApi, type UserApi } from '../support/user-api';

const going = { signal: new AbortController().signal };

describe('files that nothing needs any more', () => {
  let api: UserApi;
  let client: HttpClient;

  beforeAll(async () => {
    api = await bootUserApi({ settings: { uploads: { unused_kept_s: 5 * 86_400 } } });
    ({ client } = await api.user());
  });
  afterAll(() => api?.close());

  const sourceOf = (id: string) => join(api.env.storageDir, 'uploads', id, 'source');
  const age = (path: string) => spawnSync('touch', ['-d', '2 days ago', path]);

  describe('uploads', () => {
    const sweep = () => api.get(UploadSweeper).run(going);
    /** Lets all that is unused have been so for longer than it is kept. */
    const wait = (days = 6) =>
      api.database.query(
        `UPDATE uploads SET unused_since = unused_since - make_interval(days => $1) WHERE unused_since IS NOT NULL`,
        [days],
      );

    async function uploaded(filename = 'video.mp4'): Promise<string> {
      const { upload_id: id } = await begin(client, CHUNK, { filename });
      await send(client, id, 0, randomFile(CHUNK));
      await finalize(client, id);
      return id;
    }
    const create = (uploadId: string, more: object = {}) =>
      client.post<{ job_id: string }>('/api/jobs/create', { upload_id: uploadId, ...more });
    const remove = async (jobId: string) => {
      await client.post(`/api/jobs/${jobId}/cancel`);
      const { client: admin } = await api.user('admin');
      expect((await admin.action('job.delete', { job_id: jobId })).status).toBe(200);
    };

    it('stay while they are new, then expire with their bytes, and make no job any more', async () => {
      const id = await uploaded();
      await wait(4);
      await sweep();
      expect(existsSync(sourceOf(id))).toBe(true);
      await wait(2);
      await sweep();
      expect(existsSync(sourceOf(id))).toBe(false);
      expect(await statusOf(client, id)).toMatchObject({ status: 'expired' });
      expect(outcome(await create(id))).toEqual({ status: 410, code: 'UPLOAD_EXPIRED' });
      expect(outcome(await finalize(client, id))).toEqual({ status: 410, code: 'UPLOAD_EXPIRED' });
      const [row] = await api.database.query('SELECT storage_key FROM uploads WHERE id = $1', [id]);
      expect(row).toEqual({ storage_key: null });
    });

    it('stay as long as a job uses them, as its video or its subtitles', async () => {
      const [video, captions] = [await uploaded(), await uploaded('words.srt')];
      const first = (await create(video, { captions_upload_id: captions })).data.job_id;
      const second = (await create(video)).data.job_id;
      await wait();
      await sweep();
      await Promise.all([remove(first), remove(second)]);
      await sweep();
      expect([existsSync(sourceOf(video)), existsSync(sourceOf(captions))]).toEqual([true, true]);
      await wait();
      await sweep();
      expect([existsSync(sourceOf(video)), existsSync(sourceOf(captions))]).toEqual([false, false]);
    });

    it('either become a job or expire, never both', async () => {
      for (let round = 0; round < 10; round += 1) {
        const id = await uploaded();
        await wait();
        const [made] = await Promise.all([create(id), sweep()]);
        await sweep();
        expect(existsSync(sourceOf(id))).toBe(made.status === 201);
        expect([201, 410]).toContain(made.status);
      }
    });

    it('are removed by the next run where one was cut off', async () => {
      const id = await uploaded();
      await api.database.query(`UPDATE uploads SET status = 'expired', unused_since = NULL WHERE id = $1`, [
        id,
      ]);
      await sweep();
      expect(existsSync(sourceOf(id))).toBe(false);
    });

    it('are removed, and so are unfinished ones, where one before them cannot be', async () => {
      const [stuck, other] = [await uploaded(), await uploaded()];
      const { upload_id: unfinished } = await begin(client, CHUNK);
      await send(client, unfinished, 0, randomFile(CHUNK));
      const chunks = join(await api.get(BlobStore).tempDir(), 'uploads', unfinished);
      await api.database.query(`UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1`, [
        unfinished,
      ]);
      // A folder in its place: that is no file to remove.
      await rm(sourceOf(stuck));
      await mkdir(join(sourceOf(stuck), 'in the way'), { recursive: true });
      await wait();
      expect([existsSync(sourceOf(other)), existsSync(chunks)]).toEqual([true, true]);
      await expect(sweep()).rejects.toThrow(/EISDIR|is a directory/i);
      expect([existsSync(sourceOf(other)), existsSync(chunks)]).toEqual([false, false]);
      await rm(sourceOf(stuck), { recursive: true });
      await sweep();
      const rows = await api.database.query('SELECT storage_key FROM uploads WHERE id = $1', [stuck]);
      expect(rows).toEqual([{ storage_key: null }]);
    });
  });

  describe('exports', () => {
    const sweep = () => api.get(ExportSweeper).run(going);

    async function stored(expires: string | undefined): Promise<string> {
      const key = `exports/${uuidv7()}/${uuidv7()}/jobs.csv`;
      const path = join(await api.get(BlobStore).tempDir(), uuidv7());
      await writeFile(path, 'a,b\r\n');
      const { size, sha256 } = await api.get(BlobStore).put(key, path);
      if (expires !== undefined)
        await api.database.query(
          `INSERT INTO artifacts (id, kind, name, content_type, storage_key, size_bytes, sha256, expires_at)
           VALUES ($1, 'export', 'jobs.csv', 'text/csv', $2, $3, $4, now() + $5::interval)`,
          [uuidv7(), key, size, sha256, expires],
        );
      return key;
    }
    const left = async (key: string) => ({
      file: existsSync(join(api.env.storageDir, key)),
      row: (await api.database.query('SELECT FROM artifacts WHERE storage_key = $1', [key])).length === 1,
    });

    it('go when their time is over, and not before', async () => {
      const [over, good] = [await stored('-1 second'), await stored('1 day')];
      await sweep();
      expect(await left(over)).toEqual({ file: false, row: false });
      expect(await left(good)).toEqual({ file: true, row: true });
    });

    it('that were stored and never recorded go when they are old', async () => {
      const [old, fresh, recorded] = [
        await stored(undefined),
        await stored(undefined),
        await stored('1 day'),
      ];
      for (const key of [old, recorded]) age(join(api.env.storageDir, key));
      await sweep();
      expect(await left(old)).toEqual({ file: false, row: false });
      expect(await left(fresh)).toEqual({ file: true, row: false });
      expect(await left(recorded)).toEqual({ file: true, row: true });
    });

    it('that were never complete go when they are old', async () => {
      const folder = await api.get(BlobStore).tempDir();
      const [old, fresh] = [join(folder, 'old'), join(folder, 'fresh')];
      for (const path of [old, fresh]) await writeFile(path, 'half');
      age(old);
      await sweep();
      expect([existsSync(old), existsSync(fresh)]).toEqual([false, true]);
    });
  });
});
