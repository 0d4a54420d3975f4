import { randomInt } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../../nemesis/random';
import type { Cluster } from '../../support/cluster';
import { eventually } from '../../support/eventually';
import type { HttpClient } from '../../support/http-client';
import { forgetPeak, memoryMib } from '../../support/memory';
import {
  begin,
  chunkOf,
  filesBelow,
  finalize,
  randomFile,
  send,
  sha256,
  statusOf,
} from '../../support/uploading';

const KIB = 1024;
const MIB = 1024 * KIB;

/** Lets nobody pass before all are there. */
class Barrier {
  private open: () => void = () => undefined;
  private readonly opened = new Promise<void>((resolve) => (this.open = resolve));

  constructor(private missing: number) {}

  reach(): Promise<void> {
    if (--this.missing === 0) this.open();
    return this.opened;
  }
}

/** Uploads under faults: of two apis the second one is killed now and then. */
export function uploads(running: () => Cluster): void {
  let cluster: Cluster;
  let client: HttpClient;

  beforeAll(async () => {
    cluster = running();
    ({ client } = await cluster.user('user'));
  });

  const killSecond = async (): Promise<void> => {
    const [victim] = cluster.apis.splice(1, 1);
    await victim?.kill();
  };

  const storage = () => join(cluster.folder, 'home', 'blobs');

  /** Sends a chunk in small pieces, waiting when half of it is gone; the status of the answer. */
  async function sendSlowly(
    id: string,
    index: number,
    bytes: number,
    half: () => Promise<void>,
  ): Promise<number> {
    const piece = new Uint8Array(64 * KIB);
    let sent = 0;
    const body = new ReadableStream({
      async pull(controller) {
        if (sent === bytes / 2) await half();
        controller.enqueue(piece);
        sent += piece.length;
        if (sent === bytes) controller.close();
      },
    });
    const answer = await fetch(`${cluster.url()}/api/upload/chunk?upload_id=${id}&index=${index}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/octet-stream' },
      body,
      duplex: 'half',
    });
    return answer.status;
  }

  /** Sends a chunk and cuts the connection when part of it is gone. Whether it arrived nevertheless does not matter. */
  async function cut(at: HttpClient, id: string, index: number, bytes: Buffer): Promise<void> {
    const stop = new AbortController();
    const body = new ReadableStream({
      async pull(controller) {
        controller.enqueue(new Uint8Array(bytes.subarray(0, bytes.length / 2)));
        await new Promise((resolve) => setImmediate(resolve));
        stop.abort();
        // An aborted fetch may go on reading, for as long as there is something.
        controller.error(new Error('cut'));
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

  it('hold a little of large chunks and of many that come in at once, not all of them', async () => {
    const shapes = [
      { chunks: 2, bytes: 48 * MIB },
      { chunks: 16, bytes: 8 * MIB },
    ];
    const chunks = await Promise.all(
      shapes.map(async ({ chunks: count, bytes }) => {
        const { upload_id: id } = await begin(client, count * bytes, { chunk_size: bytes });
        return Array.from({ length: count }, (_, index) => ({ id, index, bytes }));
      }),
    );
    const all = chunks.flat();
    const pid = cluster.apis[0]?.pid ?? 0;
    forgetPeak(pid);
    const before = memoryMib(pid, 'now');
    const halfway = new Barrier(all.length);
    const answers = await Promise.all(
      all.map(({ id, index, bytes }) => sendSlowly(id, index, bytes, () => halfway.reach())),
    );
    expect(answers).toEqual(answers.map(() => 200));
    // Half of all of it is 112 MiB.
    expect(memoryMib(pid, 'peak') - before).toBeLessThan(100);
  });

  const seed = randomInt(2 ** 31);
  it(`goes on over cut connections and a killed process, to the very file (seed ${seed})`, async () => {
    const random = new Random(seed);
    const chunk = random.between(400_000, 800_000);
    const file = randomFile(50_000_000);
    const { upload_id: id, chunk_count: count } = await begin(client, file.length, { chunk_size: chunk });
    const [a, b] = [client.at(cluster.url(0)), client.at(cluster.url(1))];
    const order = Array.from({ length: count }, (_, index) => ({ at: random.next(), index }))
      .sort((one, other) => one.at - other.at)
      .map(({ index }) => index);
    const killAt = order[Math.floor(count / 2)];
    const lane = async (mine: number[]): Promise<void> => {
      for (const [position, index] of mine.entries()) {
        const at = position % 2 === 0 ? a : b;
        if (index % 6 === 0) await cut(at, id, index, chunkOf(file, index, chunk));
        // From the kill on, everything sent to the second process fails: that is what the test is about.
        await send(at, id, index, chunkOf(file, index, chunk)).catch(() => undefined);
        if (index === killAt) await killSecond();
      }
    };
    await Promise.all(
      [0, 1, 2, 3].map((number) => lane(order.filter((_, position) => position % 4 === number))),
    );

    const { missing_chunks: missing } = await statusOf(a, id);
    expect(missing.length).toBeGreaterThan(0);
    await cluster.startApi();
    const again = client.at(cluster.url(1));
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
    const a = client.at(cluster.url(0));

    /** Uploads it, and kills the second process while it finalizes; undefined if that was done before it was killed. */
    async function cutShort(): Promise<string | undefined> {
      const { upload_id: id, chunk_count: count } = await begin(a, file.length, { chunk_size: chunk });
      for (let index = 0; index < count; index += 1) {
        expect((await send(a, id, index, chunkOf(file, index, chunk))).status).toBe(200);
      }
      let answered: unknown;
      const finalizing = finalize(client.at(cluster.url(1)), id).then(
        ({ status }) => (answered = status),
        () => (answered = 'cut'),
      );
      const assembled = join(storage(), '.tmp', 'uploads', id, 'assembled');
      while (answered === undefined && !existsSync(assembled)) await delay(5);
      await killSecond();
      await finalizing;
      return answered === 'cut' ? id : undefined;
    }

    let id = await cutShort();
    // On a busy machine the kill may come too late.
    for (let tries = 1; id === undefined && tries < 5; tries += 1) {
      await cluster.startApi();
      id = await cutShort();
    }
    const cut = id ?? '';
    expect((await statusOf(a, cut)).status).toBe('finalizing');
    // The lease of the dead process has to run out first.
    const done = await eventually(
      async () => {
        const answer = await finalize(a, cut);
        expect(answer.status).toBe(200);
        return answer;
      },
      { timeoutMs: 60_000 },
    );
    expect(done.data).toMatchObject({ status: 'finalized', sha256: sha256(file) });
    await cluster.startApi();
  });
}
