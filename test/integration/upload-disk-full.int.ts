import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DISK_NEEDS, fillDisk } from '../support/full-disk';
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

const FULL = { status: 507, code: 'STORAGE_FULL' };

describe('uploads to a full disk', () => {
  let api: UserApi;
  let client: HttpClient;
  const file = randomFile(3 * CHUNK + 5);

  beforeAll(async () => {
    api = await bootUserApi();
    ({ client } = await api.user());
  });
  afterEach(() => jest.restoreAllMocks());
  afterAll(() => api?.close());

  const below = () => filesBelow(api.env.storageDir);

  it.each(DISK_NEEDS)('answer 507 to a chunk where no %s is possible, and go on when it is', async (need) => {
    const { upload_id: id } = await begin(client, file.length);
    if (need !== 'mkdir') await send(client, id, 0, chunkOf(file, 0));
    const before = need === 'mkdir' ? {} : below();

    await fillDisk(need, api.env.storageDir);
    for (let attempt = 0; attempt < 3; attempt += 1)
      expect(outcome(await send(client, id, 1, chunkOf(file, 1)))).toEqual(FULL);
    expect((await api.anonymous.get('/health')).status).toBe(200);
    expect(await statusOf(client, id)).toMatchObject({ status: 'open', error: null });
    if (need !== 'mkdir') expect(below()).toEqual(before);

    jest.restoreAllMocks();
    for (const index of (await statusOf(client, id)).missing_chunks)
      expect((await send(client, id, index, chunkOf(file, index))).status).toBe(200);
    expect((await finalize(client, id, sha256(file))).data.sha256).toBe(sha256(file));
  });

  it.each(['mkdir', 'write', 'rename'] as const)(
    'answer 507 to finalizing where no %s is possible, keep what was received, and finalize when it is',
    async (need) => {
      const { upload_id: id, chunk_count: count } = await begin(client, file.length);
      for (let index = 0; index < count; index += 1) await send(client, id, index, chunkOf(file, index));

      await fillDisk(need, api.env.storageDir);
      for (let attempt = 0; attempt < 2; attempt += 1)
        expect(outcome(await finalize(client, id))).toEqual(FULL);
      expect(await statusOf(client, id)).toMatchObject({
        status: 'open',
        received_bytes: file.length,
        missing_chunks: [],
        error: { code: 'STORAGE_FULL' },
      });

      jest.restoreAllMocks();
      expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
      expect(readFileSync(join(api.env.storageDir, 'uploads', id, 'source')).equals(file)).toBe(true);
    },
  );
});
