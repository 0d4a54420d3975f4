import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { signToken } from '../../src/platform/security/signed-token';
import { SigningKeys } from '../../src/platform/security/signing-keys';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { DownloadLinks } from '../../src/platform/storage/download-links';
import { begin, finalize, outcome, randomFile, send } from '../support/uploading';
import { bootUserApi, type UserApi } from '../support/user-api';

const TYPES: Record<string, string> = { m3u8: 'application/vnd.apple.mpegurl', m4s: 'video/iso.segment', vtt: 'text/vtt' }; // prettier-ignore

describe('streams and subtitles', () => {
  let api: UserApi;
  /** The link to a stream's playlist, without the playlist. */
  let base: string;
  let entry: string;
  const segment = randomFile(10_000);

  beforeAll(async () => {
    api = await bootUserApi();
    const [jobId, stepId, otherStep] = [uuidv7(), uuidv7(), uuidv7()];
    const { user } = await api.user();
    await api.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version) VALUES ($1, $2, 'job', 'completed', 1)`,
      [jobId, user.id],
    );
    await api.database.query(
      `INSERT INTO steps (id, job_id, agent, position, status)
       VALUES ($2, $1, 'packager', 0, 'completed'), ($3, $1, 'clip-renderer', 1, 'completed')`,
      [jobId, stepId, otherStep],
    );
    entry = await store(jobId, stepId, 'clip-1-16x9-hls.m3u8', 'hls', Buffer.from('#EXTM3U\n'));
    await store(jobId, stepId, 'clip-1-16x9-hls-000.m4s', 'hls', segment);
    await store(jobId, stepId, 'clip-1-16x9-hls-captions.vtt', 'hls', Buffer.from('WEBVTT\n'));
    // What the link is no good for: another stream, another kind, another step.
    await store(jobId, stepId, 'clip-2-16x9-hls-000.m4s', 'hls', segment);
    await store(jobId, stepId, 'clip-1-16x9-hls-poster.vtt', 'captions', segment);
    await store(jobId, otherStep, 'clip-1-16x9-hls-001.m4s', 'hls', segment);
    const link = new URL(api.get(DownloadLinks).toSet(entry, 'playlist.m3u8')).pathname;
    base = link.slice(0, link.lastIndexOf('/'));
  });
  afterAll(() => api?.close());

  async function store(
    job: string,
    step: string,
    name: string,
    kind: string,
    bytes: Buffer,
  ): Promise<string> {
    const [blobs, id] = [api.get(BlobStore), uuidv7()];
    const path = join(await blobs.tempDir(), id);
    await writeFile(path, bytes);
    const key = `jobs/${job}/${step}/${name}`;
    const { size, sha256 } = await blobs.put(key, path);
    await api.database.query(
      `INSERT INTO artifacts (id, job_id, step_id, kind, name, content_type, storage_key, size_bytes, sha256)
       VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [id, job, step, kind, name, TYPES[name.split('.').at(-1) ?? ''], key, size, sha256],
    );
    return id;
  }
  const get = (path: string, headers: Record<string, string> = {}) => api.anonymous.get(path, headers);

  it('are played with one link: its playlist and what that names, whole and in ranges', async () => {
    const playlist = await get(`${base}/playlist.m3u8`);
    expect(playlist.headers.get('content-type')).toBe(TYPES['m3u8']);
    expect(playlist.bytes.toString()).toBe('#EXTM3U\n');
    const whole = await get(`${base}/clip-1-16x9-hls-000.m4s`);
    expect(whole.headers.get('content-type')).toBe(TYPES['m4s']);
    expect(whole.bytes.equals(segment)).toBe(true);
    const part = await get(`${base}/clip-1-16x9-hls-000.m4s`, { range: 'bytes=100-199' });
    expect([part.status, part.headers.get('content-range')]).toEqual([206, 'bytes 100-199/10000']);
    expect(part.bytes.equals(segment.subarray(100, 200))).toBe(true);
    const captions = await get(`${base}/clip-1-16x9-hls-captions.vtt`);
    expect([captions.status, captions.headers.get('content-type')]).toEqual([200, 'text/vtt']);
  });

  it.each([
    'clip-2-16x9-hls-000.m4s',
    'clip-1-16x9-hls-poster.vtt',
    'clip-1-16x9-hls-001.m4s',
    'clip-1-16x9-hls-999.m4s',
  ])('give nothing else under the link: %s', async (name) => {
    expect(outcome(await get(`${base}/${name}`))).toEqual({ status: 404, code: 'NOT_FOUND' });
  });

  it.each(['..%2fplaylist.m3u8', '%2e%2e%2f%2e%2e%2fetc%2fpasswd', '.hidden', 'a%00b', 'a%5cb'])(
    'refuse the name %s',
    async (name) => {
      expect(outcome(await get(`${base}/${name}`))).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    },
  );

  it('refuse links that were changed, have expired, or are for something else', async () => {
    const secret = api.get(SigningKeys).secret('downloads');
    const token = base.slice(base.lastIndexOf('/') + 1);
    const expired = signToken(secret, { a: entry }, new Date(Date.now() - 1_000));
    for (const bad of [
      `${token}x`,
      expired,
      signToken(api.get(SigningKeys).secret('previews'), { a: entry }, new Date(Date.now() + 60_000)),
    ])
      // prettier-ignore
      for (const name of ['playlist.m3u8', 'clip-1-16x9-hls-000.m4s'])
        expect(outcome(await get(`/api/downloads/${bad}/${name}`))).toEqual({ status: 403, code: 'LINK_EXPIRED' });
  });

  describe('subtitles of a job', () => {
    async function setUp() {
      const { client } = await api.user();
      const uploaded = async (filename: string, by = client) => {
        const { upload_id: id } = await begin(by, 100, { filename });
        await send(by, id, 0, randomFile(100));
        await finalize(by, id);
        return id;
      };
      const video = await uploaded('holiday.mp4');
      const create = (captions: string) =>
        client.post<{ job_id: string }>('/api/jobs/create', {
          upload_id: video,
          captions_upload_id: captions,
        });
      return { client, uploaded, create };
    }

    it.each(['words.srt', 'WORDS.VTT'])('can be an upload called %s', async (filename) => {
      const { uploaded, create } = await setUp();
      const captions = await uploaded(filename);
      const { job_id: id } = (await create(captions)).data;
      expect(
        await api.database.query('SELECT captions_upload_id AS id FROM jobs WHERE id = $1', [id]),
      ).toEqual([{ id: captions }]);
    });

    it("cannot be somebody else's upload, one that is not finished, or no subtitles", async () => {
      const { client, uploaded, create } = await setUp();
      const { client: stranger } = await api.user();
      const foreign = await uploaded('words.srt', stranger);
      const { upload_id: open } = await begin(client, 100, { filename: 'words.srt' });
      expect(outcome(await create(foreign))).toEqual({ status: 404, code: 'UPLOAD_NOT_FOUND' });
      expect(outcome(await create(uuidv7()))).toEqual({ status: 404, code: 'UPLOAD_NOT_FOUND' });
      expect(outcome(await create(open))).toEqual({ status: 409, code: 'UPLOAD_NOT_FINALIZED' });
      expect(outcome(await create(await uploaded('words.txt')))).toEqual({
        status: 400,
        code: 'VALIDATION_ERROR',
      });
    });
  });
});
