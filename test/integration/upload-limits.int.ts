import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname, join, relative } from 'node:path';
import { UploadSweeper } from '../../src/media/uploads/upload-sweeper.manager';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import {
  begin,
  type Begun,
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

const MIB = 1024 * 1024;
const SETTINGS = {
  uploads: {
    max_bytes: 150 * MIB,
    max_open_per_user: 5,
    max_bytes_per_user: 500 * MIB,
    expires_after_s: 3_600,
  },
};

describe('limits of uploads', () => {
  let api: UserApi;
  let client: HttpClient;
  let incoming: string;

  beforeAll(async () => {
    api = await bootUserApi({ settings: SETTINGS });
    incoming = join(api.env.storageDir, '.tmp', 'uploads');
    mkdirSync(incoming, { recursive: true });
  });
  // Each test has its own user, and so its own quota.
  beforeEach(async () => {
    ({ client } = await api.user());
  });
  afterAll(() => api?.close());

  const init = (body: object) => client.post<Begun>('/api/upload/init', body);

  it.each([0, -1, 1.5, 1e20, Number.NaN, '10', null, true, [10]])('refuses the size %p', async (size) => {
    expect(outcome(await init({ filename: 'a.mp4', size }))).toEqual({
      status: 400,
      code: 'VALIDATION_ERROR',
    });
  });

  it.each([150 * MIB + 1, Number.MAX_SAFE_INTEGER])('refuses %d bytes as too much', async (size) => {
    expect(outcome(await init({ filename: 'a.mp4', size }))).toEqual({
      status: 413,
      code: 'PAYLOAD_TOO_LARGE',
    });
  });

  it.each([
    ['no name', { size: 10 }],
    ['an empty name', { filename: '', size: 10 }],
    ['a name that is none', { filename: 7, size: 10 }],
    ['an unknown field', { filename: 'a.mp4', size: 10, user_id: '01890a5d-ac96-774b-bcce-b302099a8057' }],
    ['a checksum that is none', { filename: 'a.mp4', size: 10, sha256: 'abc' }],
    ['a type that is none', { filename: 'a.mp4', size: 10, content_type: 'video/mp4\r\nx: y' }],
    ['chunks too small', { filename: 'a.mp4', size: 10, chunk_size: 1 }],
    ['chunks too large', { filename: 'a.mp4', size: 10, chunk_size: 100 * MIB + 1 }],
  ])('refuses %s', async (_name, body) => {
    expect(outcome(await init(body))).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
  });

  it.each([
    ['../../etc/passwd', 'passwd'],
    ['..\\..\\boot.ini', 'boot.ini'],
    ['a.jpg.php', 'a.jpg.php'],
    ['x\u202e4pm.exe', 'x4pm.exe'],
    ['a\r\nb.mp4', 'ab.mp4'],
    ['CON', '_CON'],
    ['..%2f..%2fetc%2fpasswd', '%2f..%2fetc%2fpasswd'],
    ['C:\\x', 'x'],
    ['-rf.mp4', 'rf.mp4'],
    ['cafe\u0301.mp4', 'caf\u00e9.mp4'],
  ])('shows the name %j as %j and stores it under another', async (filename, shown) => {
    const file = randomFile(10);
    const begun = (await init({ filename, size: file.length })).data;
    expect(begun.filename).toBe(shown);
    await send(client, begun.upload_id, 0, file);
    expect((await finalize(client, begun.upload_id)).status).toBe(200);
    const home = dirname(api.env.home);
    const stored = Object.keys(filesBelow(home)).filter((path) => path.includes(begun.upload_id));
    expect(stored.map((path) => relative(api.env.storageDir, join(home, path)))).toEqual([
      join('uploads', begun.upload_id, 'source'),
    ]);
    expect(Object.keys(filesBelow(home)).filter((path) => /passwd|boot|php|CON|rf/.test(path))).toEqual([]);
  });

  it('refuses a name with NUL in it', async () => {
    const answer = await init({ filename: 'a\u0000.mp4', size: 10 });
    expect(outcome(answer)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
  });

  it('shortens a name of 5,000 characters', async () => {
    const { filename } = (await init({ filename: `${'ü'.repeat(5_000)}.mp4`, size: 10 })).data;
    expect(Buffer.byteLength(filename)).toBeLessThanOrEqual(200);
    expect(filename).toMatch(/^ü+\.mp4$/);
  });

  it('lets a user have so many unfinished uploads and no more, also when they begin at once', async () => {
    const answers = await Promise.all(
      Array.from({ length: 12 }, () => init({ filename: 'a.mp4', size: CHUNK })),
    );
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(5);
    for (const answer of answers.filter(({ status }) => status !== 201)) {
      expect(outcome(answer)).toEqual({ status: 429, code: 'QUOTA_EXCEEDED' });
    }
    const { upload_id: id } = answers.find(({ status }) => status === 201)?.data ?? { upload_id: '' };
    await send(client, id, 0, randomFile(CHUNK));
    await finalize(client, id);
    expect((await init({ filename: 'a.mp4', size: CHUNK })).status).toBe(201);
  });

  it('lets a user hold so many bytes and no more, also when uploads begin at once', async () => {
    const { user, client: hoarder } = await api.user();
    const start = (size: number) => hoarder.post<Begun>('/api/upload/init', { filename: 'a.mp4', size });
    // Four kept files of 110 MiB and what is begun at once: of 60 MiB, one fits below 500 MiB.
    await api.database.query(
      `INSERT INTO uploads (id, user_id, filename, size_bytes, chunk_size, chunk_count, status, expires_at)
       SELECT gen_random_uuid(), $1, 'kept.mp4', $2::bigint, 1048576, 110, 'finalized', now() FROM generate_series(1, 4)`,
      [user.id, 110 * MIB],
    );
    const answers = await Promise.all(Array.from({ length: 8 }, () => start(60 * MIB)));
    expect(answers.filter(({ status }) => status === 201)).toHaveLength(1);
    for (const answer of answers.filter(({ status }) => status !== 201))
      expect(outcome(answer)).toEqual({ status: 429, code: 'QUOTA_EXCEEDED' });
    expect(await start(1)).toMatchObject({
      status: 429,
      body: { error: expect.stringContaining('524288000') },
    });
    expect((await init({ filename: 'a.mp4', size: 60 * MIB })).status).toBe(201);

    await api.database.query(`UPDATE uploads SET status = 'expired' WHERE user_id = $1 AND status = 'open'`, [
      user.id,
    ]);
    expect((await start(60 * MIB)).status).toBe(201);
  });

  it('refuses a chunk of more than 100 MiB before it reads it', async () => {
    const { upload_id: id } = await begin(client, 120 * MIB, { chunk_size: 100 * MIB });
    const answer = await send(client, id, 0, Buffer.alloc(100 * MIB + 1));
    expect(outcome(answer)).toEqual({ status: 413, code: 'PAYLOAD_TOO_LARGE' });
    expect((await statusOf(client, id)).received_chunks).toEqual([]);
  });

  it('stops reading a chunk of unsaid length when it gets too long', async () => {
    const { upload_id: id } = await begin(client, 2 * CHUNK);
    const endless = new ReadableStream({
      pull(controller) {
        controller.enqueue(new Uint8Array(CHUNK / 2));
        if ((sent += CHUNK / 2) > 20 * CHUNK) controller.close();
      },
    });
    let sent = 0;
    const answer = await fetch(`${api.url}/api/upload/chunk?upload_id=${id}&index=0`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}`, 'content-type': 'application/octet-stream' },
      body: endless,
      duplex: 'half',
    });
    expect(answer.status).toBe(413);
    expect(filesBelow(join(incoming, id))).toEqual({});
  });

  it('keeps nothing of a chunk whose connection was cut, and takes it afterwards', async () => {
    const file = randomFile(CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    const socket = connect(api.env.port, '127.0.0.1');
    socket.write(
      `POST /api/upload/chunk?upload_id=${id}&index=0 HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n` +
        `Content-Type: application/octet-stream\r\nContent-Length: ${CHUNK}\r\n\r\n`,
    );
    socket.write(file.subarray(0, 40_000));
    await eventually(() => expect(Object.keys(filesBelow(join(incoming, id)))).toHaveLength(1));
    socket.destroy();
    await eventually(() => expect(filesBelow(join(incoming, id))).toEqual({}));
    expect((await statusOf(client, id)).received_chunks).toEqual([]);
    expect((await send(client, id, 0, file)).status).toBe(200);
    expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
  });

  it.each(['text/plain', 'video/mp4', 'application/x-www-form-urlencoded'])(
    'does not read a chunk of type %s',
    async (type) => {
      const { upload_id: id } = await begin(client, CHUNK);
      const answer = await send(client, id, 0, randomFile(CHUNK), { 'content-type': type });
      expect(outcome(answer)).toEqual({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    },
  );

  it.each(['application/octet-stream', 'multipart/form-data; boundary=x'])(
    'reads %s at no other route',
    async (type) => {
      const answer = await client.call('POST', '/api/upload/init', {
        raw: randomFile(100),
        headers: { 'content-type': type },
      });
      expect(outcome(answer)).toEqual({ status: 415, code: 'UNSUPPORTED_MEDIA_TYPE' });
    },
  );

  it('takes no chunk of a user who may only read', async () => {
    const { client: reader } = await api.user('readonly');
    expect(outcome(await reader.post('/api/upload/init', { filename: 'a.mp4', size: 10 }))).toEqual({
      status: 403,
      code: 'FORBIDDEN',
    });
  });

  describe('an upload that nobody finishes', () => {
    const sweep = () => api.get(UploadSweeper).run({ signal: new AbortController().signal });

    it('lives as long as chunks come, then expires, with its files', async () => {
      const { upload_id: id, expires_at: first } = await begin(client, 3 * CHUNK);
      await api.database.query("UPDATE uploads SET expires_at = now() + interval '5 min' WHERE id = $1", [
        id,
      ]);
      await send(client, id, 0, randomFile(CHUNK));
      const [row] = await api.database.query<{ expires_at: Date }>(
        'SELECT expires_at FROM uploads WHERE id = $1',
        [id],
      );
      expect(row?.expires_at.getTime()).toBeGreaterThanOrEqual(Date.parse(first));
      await sweep();
      expect(await statusOf(client, id)).toMatchObject({ status: 'open', received_chunks: [0] });

      await api.database.query("UPDATE uploads SET expires_at = now() - interval '1 second' WHERE id = $1", [
        id,
      ]);
      await sweep();
      expect(await statusOf(client, id)).toMatchObject({ status: 'expired' });
      expect(await api.database.query('SELECT FROM upload_chunks WHERE upload_id = $1', [id])).toEqual([]);
      expect(Object.keys(filesBelow(incoming)).filter((name) => name.startsWith(id))).toEqual([]);
      const expired = { status: 410, code: 'UPLOAD_EXPIRED' };
      expect(outcome(await send(client, id, 1, randomFile(CHUNK)))).toEqual(expired);
      expect(outcome(await finalize(client, id))).toEqual(expired);
    });

    it('leaves others alone, and what a killed process left behind is removed', async () => {
      const file = randomFile(2 * CHUNK);
      const { upload_id: id } = await begin(client, file.length);
      await send(client, id, 0, chunkOf(file, 0));
      const orphan = '01890a5d-ac96-774b-bcce-b302099a8057';
      mkdirSync(join(incoming, orphan), { recursive: true });
      const old = join(incoming, id, 'incoming-old');
      spawnSync('touch', ['-d', '3 hours ago', old]);
      spawnSync('touch', [join(incoming, id, 'incoming-new'), join(incoming, orphan, '0-abc')]);
      await sweep();
      const left = Object.keys(filesBelow(incoming));
      expect(left.filter((name) => name.startsWith(orphan))).toEqual([]);
      expect(left.filter((name) => name.startsWith(id)).sort()).toEqual([
        join(id, `0-${sha256(chunkOf(file, 0))}`),
        join(id, 'incoming-new'),
      ]);
      await send(client, id, 1, chunkOf(file, 1));
      expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
    });
  });
});
