import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Cluster } from '../../support/cluster';
import type { HttpClient } from '../../support/http-client';
import {
  audioOnly,
  oneFrame,
  sampleVideo,
  shortVideo,
  stillPicture,
  unfinishedVideo,
} from '../../support/media';
import { createJob, PLAIN_CLIPS, settled, upload } from '../../support/video-way';

/** Codes that say that the file itself is at fault, so that trying again would not help. */
const NOT_A_VIDEO = ['NOT_MEDIA', 'UNSUPPORTED_FORMAT'];

/** Files that cannot be processed. */
export function badInput(running: () => Cluster): void {
  let cluster: Cluster;
  let client: HttpClient;
  let sample: Buffer;

  beforeAll(async () => {
    cluster = running();
    ({ client } = await cluster.user('user'));
    sample = readFileSync(await sampleVideo());
  });

  const playlist = (address: string): Buffer =>
    Buffer.from(
      `#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${address}\n#EXT-X-ENDLIST\n`,
    );

  const cases: [string, () => Buffer | Promise<Buffer>, string[]][] = [
    ['random bytes', () => randomBytes(200_000), NOT_A_VIDEO],
    ['one byte', () => Buffer.from('x'), NOT_A_VIDEO],
    ['text', () => Buffer.from('#!/bin/sh\necho hello\n'.repeat(100)), NOT_A_VIDEO],
    [
      'an MP4 without its index',
      async () => readFileSync(await unfinishedVideo()),
      ['TRUNCATED', 'DAMAGED', 'NOT_MEDIA'],
    ],
    ['sound without a picture', async () => readFileSync(await audioOnly()), ['NO_VIDEO']],
    ['a picture called .mp4', async () => readFileSync(await stillPicture()), NOT_A_VIDEO],
    ['a single frame', async () => readFileSync(await oneFrame()), ['TOO_SHORT']],
    ['a playlist that reads local files', () => playlist('/etc/passwd'), NOT_A_VIDEO],
    ['a playlist that calls the network', () => playlist('http://127.0.0.1:9/segment.ts'), NOT_A_VIDEO],
    ['an ffconcat script', () => Buffer.from('ffconcat version 1.0\nfile /etc/passwd\n'), NOT_A_VIDEO],
    [
      'an SVG with a file link',
      () => Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><image href="file:///etc/passwd"/></svg>'),
      NOT_A_VIDEO,
    ],
  ];

  it.each(cases)('%s ends in a failed job with a code and a sentence', async (name, bytes, codes) => {
    const uploadId = await upload([client], { name: 'video.mp4', bytes: await bytes() });
    const job = await settled(client, await createJob(client, uploadId, { title: name }), 60_000);
    expect(job.status).toBe('failed');
    expect(codes).toContain(job.error?.code);
    expect(job.error?.message).toMatch(/^[A-Z].{10,200}\.$/s);
    expect(JSON.stringify(job)).not.toMatch(/\/(tmp|etc|home|usr)\/|ffmpeg|ffprobe|at .*\.js/);
    // Trying again could not help, so it was not tried again.
    const attempts = await cluster.query(
      "SELECT max(attempt) AS attempt FROM steps WHERE job_id = $1 AND agent = 'inspector'",
      [job.job_id],
    );
    expect(attempts).toEqual([{ attempt: 1 }]);
  });

  it('half of a video is either refused or cut into clips that lie within what is there', async () => {
    const half = sample.subarray(0, Math.floor(sample.length / 2));
    const job = await settled(
      client,
      await createJob(client, await upload([client], { name: 'half.mp4', bytes: half }), PLAIN_CLIPS),
    );
    if (job.status === 'failed') expect(['TRUNCATED', 'DAMAGED']).toContain(job.error?.code);
    else expect(job.status).toBe('completed');
  });

  it('leaves the worker able to work', async () => {
    const uploadId = await upload([client], await shortVideo());
    const job = await settled(client, await createJob(client, uploadId, PLAIN_CLIPS));
    expect(job.status).toBe('completed');
  });

  it('an upload that says it is empty, negative, not a number or endless is refused', async () => {
    for (const size of [0, -1, 1.5, '10', 1e20, null]) {
      const answer = await client.post('/api/upload/init', { filename: 'video.mp4', size });
      expect({ size, status: answer.status, code: answer.body.error_code }).toEqual({
        size,
        status: 400,
        code: 'VALIDATION_ERROR',
      });
    }
  });
}
