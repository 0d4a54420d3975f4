import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { Cluster } from '../support/cluster';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import {
  begin,
  chunkOf,
  filesBelow,
  finalize,
  randomFile,
  send,
  sha256,
  statusOf,
} from '../support/uploading';

const KIB = 1024;

describe('uploads under faults', () => {
  let cluster: Cluster;
  let client: HttpClient;

  beforeAll(async () => {
    cluster = await Cluster.start({ apis: 2, workers: 0, managers: 0 });
    ({ client } = await cluster.user('user'));
  });
  afterAll(() => cluster?.stop());

  const storage = () => join(cluster.folder, 'home', 'blobs');

  /** Sends a chunk and cuts the connection when part of it is gone. Whether it arrived nevertheless does not matter. */
  async function cut(at: HttpClient, id: string, index: number, bytes: Buffer): Promise<void> {
    const stop = new AbortController();
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(new Uint8Array(bytes.subarray(0, bytes.length / 2)));
        await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
      },
    });
    const sent = fetch(`${at.baseUrl}/api/upload/chunk?upload_id=${id}&index=${index}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/octet-stream' },
      body,
      duplex: 'half',
      signal: stop.signal,
    });
    await expect(sent).rejects.toThrow();
  }

  it('goes on over cut connections and a killed process, to the very file', async () => {
    const chunk = 200_000;
    const file = randomFile(80 * chunk + 4_321);
    const { upload_id: id, chunk_count: count } = await begin(client, file.length, { chunk_size: chunk });
    const [a, b] = [client.at(cluster.url(0)), client.at(cluster.url(1))];
    const order = Array.from({ length: count }, (_, position) => (position * 37) % count);
    const lane = async (mine: number[]): Promise<void> => {
      for (const [position, index] of mine.entries()) {
        const at = position % 2 === 0 ? a : b;
        if (index % 8 === 0) await cut(at, id, index, chunkOf(file, index, chunk));
        // From the kill on, everything sent to the second process fails: that is what the test is about.
        await send(at, id, index, chunkOf(file, index, chunk)).catch(() => undefined);
        if (index === 40) await cluster.apis[1]?.kill();
      }
    };
    await Promise.all(
      [0, 1, 2, 3].map((number) => lane(order.filter((_, position) => position % 4 === number))),
    );

    const { missing_chunks: missing } = await statusOf(a, id);
    expect(missing.length).toBeGreaterThan(0);
    await cluster.startApi();
    const again = client.at(cluster.url(2));
    for (const index of missing) {
      expect((await send(again, id, index, chunkOf(file, index, chunk))).status).toBe(200);
    }
    expect((await finalize(again, id, sha256(file))).data).toMatchObject({ sha256: sha256(file) });
    expect(Object.keys(filesBelow(storage())).filter((name) => name.includes(id))).toEqual([
      join('uploads', id, 'source'),
    ]);
  });

  it('is finalized by another process when the one at it is killed', async () => {
    const chunk = 16_384 * KIB;
    const file = Buffer.alloc(10 * chunk, randomFile(1_000_003));
    const [a, b] = [client.at(cluster.url(0)), client.at(cluster.url(2))];
    const { upload_id: id, chunk_count: count } = await begin(a, file.length, { chunk_size: chunk });
    for (let index = 0; index < count; index += 1) {
      expect((await send(a, id, index, chunkOf(file, index, chunk))).status).toBe(200);
    }
    const killed = finalize(b, id).then(
      (answer) => answer.status,
      () => 'cut',
    );
    await eventually(
      () => expect(existsSync(join(storage(), '.tmp', 'uploads', id, 'assembled'))).toBe(true),
      {
        intervalMs: 5,
      },
    );
    await cluster.apis[2]?.kill();
    expect(await killed).toBe('cut');
    expect((await statusOf(a, id)).status).toBe('finalizing');
    // The lease of the dead process has to run out first.
    const done = await eventually(
      async () => {
        const answer = await finalize(a, id);
        expect(answer.status).toBe(200);
        return answer;
      },
      { timeoutMs: 40_000 },
    );
    expect(done.data).toMatchObject({ status: 'finalized', sha256: sha256(file) });
  });
});
