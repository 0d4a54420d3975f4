import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cluster } from '../../support/cluster';
import type { HttpClient } from '../../support/http-client';
import { probe, SAMPLE, sampleVideo, topLevelBoxes } from '../../support/media';
import type { TestS3 } from '../../support/s3-server';
import { filesBelow } from '../../support/uploading';
import { type Clip, clipsOf, createJob, type Job, settled, sha256, upload } from '../../support/video-way';

/** The way of a video through two api processes, with its files in S3. */
export function video(running: () => { cluster: Cluster; s3: TestS3 }): void {
  let cluster: Cluster;
  let s3: TestS3;
  let client: HttpClient;

  beforeAll(async () => {
    ({ cluster, s3 } = running());
    ({ client } = await cluster.user('user'));
  });

  it('goes from chunks to playable clips, and is seen live on the way', async () => {
    const [a, b] = [client, client.at(cluster.url(1))];
    const socket = await cluster.socket(client, 1);
    const uploadId = await upload([a, b], await sampleVideo());
    const jobId = await createJob(b, uploadId, { title: 'The sample' });
    const topic = `job:${jobId}`;
    await socket.subscribe(topic);

    const job = await settled(a, jobId);
    expect(job).toMatchObject({ status: 'completed', progress: 1, title: 'The sample' });
    // Nothing was uploaded to caption it with, and whether speech is recognised is up to the machine.
    const others = job.steps.filter(({ agent }) => agent !== 'captioner');
    expect(others.map((step) => step.status)).toEqual(others.map(() => 'completed'));

    await socket.waitFor((frame) => frame.topic === topic && frame.data?.['status'] === 'completed');
    const events = socket.events(topic);
    const offsets = events.map((event) => event.offset ?? 0);
    expect(offsets).toEqual(offsets.map((_, index) => (offsets[0] ?? 0) + index));
    expect(new Set(events.map((event) => event.data?.['kind']))).toEqual(
      expect.objectContaining(new Set(['job', 'step', 'progress'])),
    );
    await socket.close();

    const clips = await clipsOf(b, jobId);
    expect(clips.length).toBeGreaterThan(0);
    for (const clip of clips) await expectPlayable(cluster, client, job, clip);

    const stored = await cluster.query<{ storage_key: string; size_bytes: number }>(
      `SELECT storage_key, size_bytes FROM artifacts UNION ALL SELECT storage_key, size_bytes FROM uploads`,
    );
    const objects = filesBelow(s3.folder);
    for (const { storage_key: key, size_bytes: size } of stored)
      expect(objects[`${key}._S3rver_object`]).toBe(size);
    expect(filesBelow(join(cluster.folder, 'home', 'blobs'))).toEqual({});
  });

  it('serves a clip in ranges, so that a browser can seek', async () => {
    const [row] = await cluster.query<{ id: string }>(
      "SELECT id FROM jobs WHERE status = 'completed' LIMIT 1",
    );
    const [clip] = await clipsOf(client, row?.id ?? '');
    const url = clip?.variants[0]?.download_url ?? '';
    const anonymous = cluster.http(1);
    const whole = await anonymous.get(url);
    expect(whole.status).toBe(200);
    expect(whole.headers.get('accept-ranges')).toBe('bytes');
    expect(whole.headers.get('x-content-type-options')).toBe('nosniff');

    const middle = await anonymous.get(url, { range: 'bytes=100-199' });
    expect(middle.status).toBe(206);
    expect(middle.headers.get('content-range')).toBe(`bytes 100-199/${whole.bytes.length}`);
    expect(middle.bytes).toEqual(whole.bytes.subarray(100, 200));

    const tail = await anonymous.get(url, { range: 'bytes=-50' });
    expect(tail.bytes).toEqual(whole.bytes.subarray(-50));

    const beyond = await anonymous.get(url, { range: `bytes=${whole.bytes.length}-` });
    expect(beyond.status).toBe(416);
    expect(beyond.headers.get('content-range')).toBe(`bytes */${whole.bytes.length}`);

    const path = new URL(url, cluster.url()).pathname;
    const token = path.slice(path.lastIndexOf('/') + 1);
    const forged = `${token.slice(0, -2)}${token.endsWith('AA') ? 'BB' : 'AA'}`;
    const refused = await anonymous.get(path.replace(token, forged));
    expect({ status: refused.status, code: refused.body.error_code }).toEqual({
      status: 403,
      code: 'LINK_EXPIRED',
    });
  });

  it('takes chunks in any order, twice, and refuses other bytes for the same chunk', async () => {
    const bytes = await readFile(await sampleVideo());
    const init = await client.post<{ upload_id: string; chunk_size: number }>('/api/upload/init', {
      filename: '../../etc/passwd\u202e.mp4',
      size: bytes.length,
    });
    const { upload_id: id, chunk_size: size } = init.data;
    const count = Math.ceil(bytes.length / size);
    expect(count).toBeGreaterThanOrEqual(2);
    const chunk = (index: number): Buffer => bytes.subarray(index * size, (index + 1) * size);
    const send = (index: number, raw: Buffer) =>
      client
        .at(cluster.url(index % 2))
        .call('POST', `/api/upload/chunk?upload_id=${id}&index=${index}`, { raw });

    for (let index = count - 1; index > 0; index -= 1)
      expect((await send(index, chunk(index))).status).toBe(200);
    const early = await client.post('/api/upload/finalize', { upload_id: id });
    expect({ status: early.status, code: early.body.error_code }).toEqual({
      status: 409,
      code: 'UPLOAD_INCOMPLETE',
    });

    expect((await send(1, chunk(1))).status).toBe(200);
    const other = Buffer.from(chunk(1));
    other[0] = (other[0] ?? 0) ^ 1;
    const conflict = await send(1, other);
    expect({ status: conflict.status, code: conflict.body.error_code }).toEqual({
      status: 409,
      code: 'CHUNK_CONFLICT',
    });

    expect((await send(0, chunk(0))).status).toBe(200);
    const done = await client.post<{ sha256: string }>('/api/upload/finalize', { upload_id: id });
    expect(done.data.sha256).toBe(sha256(bytes));
    const again = await client
      .at(cluster.url(1))
      .post<{ sha256: string }>('/api/upload/finalize', { upload_id: id });
    expect(again.data.sha256).toBe(sha256(bytes));
  });
}

/** Downloads every variant of a clip and looks inside. */
async function expectPlayable(cluster: Cluster, client: HttpClient, job: Job, clip: Clip): Promise<void> {
  expect(clip.start_s).toBeGreaterThanOrEqual(0);
  expect(clip.end_s).toBeLessThanOrEqual(SAMPLE.durationS + 1 / SAMPLE.frameRate);
  expect(clip.reasons.length).toBeGreaterThan(0);
  const seen = await client.get<Clip>(`/api/clips/${clip.clip_id}`);
  expect(seen.data).toMatchObject({ clip_id: clip.clip_id, job_id: job.job_id, start_s: clip.start_s });
  expect(clip.variants.length).toBeGreaterThan(0);
  for (const variant of clip.variants) {
    const file = await cluster.http().get(variant.download_url);
    expect(file.status).toBe(200);
    const path = join(cluster.folder, `${clip.clip_id}-${variant.format.replace(/\W/g, '-')}.mp4`);
    writeFileSync(path, file.bytes);
    const found = await probe(path);
    expect(found.video).toMatchObject({
      codec: 'h264',
      pixelFormat: 'yuv420p',
      width: variant.width,
      height: variant.height,
    });
    expect(found.audio).toEqual({ codec: 'aac' });
    const wanted = (clip.end_s - clip.start_s) * found.video.frameRate;
    expect(Math.abs(found.video.frames - wanted)).toBeLessThanOrEqual(1);
    const boxes = await topLevelBoxes(path);
    expect(boxes).toContain('moov');
    expect(boxes.indexOf('moov')).toBeLessThan(boxes.indexOf('mdat'));
  }
}
