import { randomInt } from 'node:crypto';
import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Random } from '../nemesis/random';
import type { HttpClient } from '../support/http-client';
import {
  begin,
  CHUNK,
  chunkOf,
  filesBelow,
  finalize,
  outcome,
  randomFile,
  send,
  sha256,
  statusOf,
} from '../support/uploading';
import { bootUserApi, type UserApi } from '../support/user-api';

describe('uploads', () => {
  let api: UserApi;
  let client: HttpClient;
  let storage: string;

  beforeAll(async () => {
    api = await bootUserApi({ settings: { uploads: { max_bytes: 50_000_000, max_open_per_user: 1_000 } } });
    ({ client } = await api.user());
    storage = api.env.storageDir;
    mkdirSync(storage, { recursive: true });
  });
  afterAll(() => api?.close());

  /** The bytes that the unfinished uploads take. */
  const takenBytes = () => Object.values(filesBelow(storage)).reduce((sum, size) => sum + size, 0);

  const seed = randomInt(2 ** 31);
  it(`takes chunks in a random order (seed ${seed}), each twice, and gives back the very file`, async () => {
    const file = randomFile(20 * CHUNK + 12_345);
    const { upload_id: id, chunk_count: count } = await begin(client, file.length, { sha256: sha256(file) });
    expect(count).toBe(21);
    const random = new Random(seed);
    const order = Array.from({ length: 2 * count }, (_, position) => ({ at: random.next(), position }))
      .sort((a, b) => a.at - b.at)
      .map(({ position }) => position % count);
    const sent = new Set<number>();
    for (const index of order) {
      const chunk = chunkOf(file, index);
      const answer = await send(client, id, index, chunk, { 'x-chunk-sha256': sha256(chunk) });
      sent.add(index);
      const received = [...sent].reduce((sum, one) => sum + chunkOf(file, one).length, 0);
      expect(answer.data).toMatchObject({
        received_bytes: received,
        chunk_bytes: chunk.length,
        sha256: sha256(chunk),
      });
    }
    expect((await finalize(client, id, sha256(file))).data).toEqual({
      upload_id: id,
      status: 'finalized',
      size: file.length,
      sha256: sha256(file),
    });
    expect(readFileSync(join(storage, 'uploads', id, 'source')).equals(file)).toBe(true);
    expect(Object.keys(filesBelow(storage)).filter((name) => name.includes(id))).toEqual([
      join('uploads', id, 'source'),
    ]);
  });

  it('answers the same when it is finalized again, also at the same time', async () => {
    const file = randomFile(3 * CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    for (const index of [0, 1, 2]) await send(client, id, index, chunkOf(file, index));
    const answers = await Promise.all(Array.from({ length: 8 }, () => finalize(client, id)));
    answers.push(await finalize(client, id));
    for (const answer of answers) {
      expect(answer.data).toMatchObject({ status: 'finalized', size: file.length, sha256: sha256(file) });
    }
    const rows = await api.database.query(
      `SELECT storage_key, finalizer, (SELECT count(*)::int FROM upload_chunks WHERE upload_id = id) AS chunks
       FROM uploads WHERE id = $1`,
      [id],
    );
    expect(rows).toEqual([{ storage_key: `uploads/${id}/source`, finalizer: null, chunks: 0 }]);
    expect(await statusOf(client, id)).toMatchObject({ received_chunks: [0, 1, 2], missing_chunks: [] });
  });

  it('lets one of many writers of a chunk win, and its bytes alone count', async () => {
    const { upload_id: id } = await begin(client, 2 * CHUNK);
    const variants = Array.from({ length: 12 }, () => randomFile(CHUNK));
    const answers = await Promise.all(variants.map((bytes) => send(client, id, 0, bytes)));
    const winners = variants.filter((_, position) => answers[position]?.status === 200);
    expect(winners).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 200)) {
      expect(outcome(answer)).toEqual({ status: 409, code: 'CHUNK_CONFLICT' });
    }
    const second = randomFile(CHUNK);
    expect((await send(client, id, 1, second)).status).toBe(200);
    const whole = Buffer.concat([winners[0] ?? Buffer.alloc(0), second]);
    expect((await finalize(client, id, sha256(whole))).data.sha256).toBe(sha256(whole));
  });

  it('takes the same bytes from many writers of a chunk', async () => {
    const file = randomFile(CHUNK + 1);
    const { upload_id: id } = await begin(client, file.length);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, position) =>
        send(client, id, position % 2, chunkOf(file, position % 2)),
      ),
    );
    expect(answers.map((answer) => answer.status)).toEqual(answers.map(() => 200));
    expect(await statusOf(client, id)).toMatchObject({ received_bytes: file.length, missing_chunks: [] });
    expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
  });

  it('says what is missing, and goes on from there', async () => {
    const file = randomFile(130 * CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    for (const index of [0, 5]) await send(client, id, index, chunkOf(file, index));
    const early = await finalize(client, id);
    expect(outcome(early)).toEqual({ status: 409, code: 'UPLOAD_INCOMPLETE' });
    expect(early.body.error).toContain('128 of 130');
    expect(early.body.details).toHaveLength(100);
    expect(early.body.details?.slice(0, 5).map(({ path }) => path)).toEqual([
      'chunks.1',
      'chunks.2',
      'chunks.3',
      'chunks.4',
      'chunks.6',
    ]);
    const { status, received_chunks: received, missing_chunks: missing } = await statusOf(client, id);
    expect({ status, received }).toEqual({ status: 'open', received: [0, 5] });
    for (const index of missing) await send(client, id, index, chunkOf(file, index));
    expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
  });

  it('refuses a chunk whose checksum is another, and keeps nothing of it', async () => {
    const file = randomFile(CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    const before = takenBytes();
    const wrong = await send(client, id, 0, file, { 'x-chunk-sha256': sha256(Buffer.from('other')) });
    expect(outcome(wrong)).toEqual({ status: 400, code: 'CHECKSUM_MISMATCH' });
    const malformed = await send(client, id, 0, file, { 'x-chunk-sha256': 'abc' });
    expect(outcome(malformed)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    expect(takenBytes()).toBe(before);
    expect((await statusOf(client, id)).received_chunks).toEqual([]);
    const upper = { 'x-chunk-sha256': sha256(file).toUpperCase() };
    expect((await send(client, id, 0, file, upper)).status).toBe(200);
  });

  it('refuses a file whose checksum is another, and takes it with the right one', async () => {
    const file = randomFile(3 * CHUNK - 7);
    const { upload_id: id } = await begin(client, file.length);
    for (const index of [2, 1, 0]) await send(client, id, index, chunkOf(file, index));
    const wrong = await finalize(client, id, sha256(Buffer.from('other')));
    expect(outcome(wrong)).toEqual({ status: 400, code: 'CHECKSUM_MISMATCH' });
    expect(await statusOf(client, id)).toMatchObject({
      status: 'open',
      error: { code: 'CHECKSUM_MISMATCH' },
    });
    expect((await finalize(client, id, sha256(file))).data.sha256).toBe(sha256(file));
    const late = await finalize(client, id, sha256(Buffer.from('other')));
    expect(outcome(late)).toEqual({ status: 400, code: 'CHECKSUM_MISMATCH' });
  });

  it.each([
    ['one byte less', CHUNK - 1],
    ['one byte more', CHUNK + 1],
    ['nothing', 0],
    ['ten times as much', 10 * CHUNK],
  ])('refuses a chunk with %s than it must have', async (_name, length) => {
    const { upload_id: id } = await begin(client, 3 * CHUNK);
    const before = takenBytes();
    const answer = await send(client, id, 1, randomFile(length));
    expect(outcome(answer)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
    expect(takenBytes()).toBe(before);
  });

  it.each(['-1', '3', '1.5', '1e3', '0x1', 'NaN', '1000000000', '99999999999999999999', '', '0&index=1'])(
    'refuses the index %j',
    async (index) => {
      const { upload_id: id } = await begin(client, 3 * CHUNK);
      const before = takenBytes();
      const answer = await send(client, id, index, randomFile(CHUNK));
      expect(outcome(answer)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
      expect(takenBytes()).toBe(before);
    },
  );

  it('takes no chunk after it was finalized', async () => {
    const file = randomFile(CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    await send(client, id, 0, file);
    await finalize(client, id);
    for (const bytes of [file, randomFile(CHUNK)]) {
      expect(outcome(await send(client, id, 0, bytes))).toEqual({ status: 409, code: 'UPLOAD_NOT_OPEN' });
    }
    expect(readFileSync(join(storage, 'uploads', id, 'source')).equals(file)).toBe(true);
  });

  it('finalizes while the last chunk races with it, or says that it is missing', async () => {
    for (let round = 0; round < 10; round += 1) {
      const file = randomFile(2 * CHUNK);
      const { upload_id: id } = await begin(client, file.length);
      await send(client, id, 0, chunkOf(file, 0));
      const [chunk, done] = await Promise.all([send(client, id, 1, chunkOf(file, 1)), finalize(client, id)]);
      expect(chunk.status).toBe(200);
      expect([200, 409]).toContain(done.status);
      expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
    }
  });

  it("does not know other people's uploads", async () => {
    const { client: stranger } = await api.user();
    const { client: operator } = await api.user('operator');
    const file = randomFile(CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    const notFound = { status: 404, code: 'UPLOAD_NOT_FOUND' };
    for (const other of [stranger, operator]) {
      expect(outcome(await send(other, id, 0, file))).toEqual(notFound);
      expect(outcome(await finalize(other, id))).toEqual(notFound);
    }
    expect(outcome(await stranger.get(`/api/upload/status/${id}`))).toEqual(notFound);
    expect((await operator.get(`/api/upload/status/${id}`)).status).toBe(200);
    expect((await stranger.get<unknown[]>('/api/upload')).data).toEqual([]);
    const unknown = '01890a5d-ac96-774b-bcce-b302099a8057';
    expect(outcome(await send(client, unknown, 0, file))).toEqual(notFound);
  });
});
