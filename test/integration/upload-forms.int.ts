import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connect } from 'node:net';
import { eventually } from '../support/eventually';
import type { HttpClient } from '../support/http-client';
import { begin, CHUNK, finalize, outcome, randomFile, send, sha256, statusOf } from '../support/uploading';
import { bootUserApi, type UserApi } from '../support/user-api';

type Part = [name: string, value: string | Buffer];

const BOUNDARY = '----agentos-test';

/** A form as clients write it; a Buffer becomes a file. */
function form(parts: Part[], end = `--${BOUNDARY}--\r\n`): Buffer {
  const pieces = parts.flatMap(([name, value]) => {
    const file =
      typeof value === 'string' ? '' : '; filename="../../x.bin"\r\nContent-Type: application/octet-stream';
    const head = `--${BOUNDARY}\r\nContent-Disposition: form-data; name="${name}"${file}\r\n\r\n`;
    return [Buffer.from(head), Buffer.from(value), Buffer.from('\r\n')];
  });
  return Buffer.concat([...pieces, Buffer.from(end)]);
}

describe('chunks in forms', () => {
  let api: UserApi;
  let client: HttpClient;

  beforeAll(async () => {
    api = await bootUserApi({ settings: { uploads: { max_open_per_user: 1_000 } } });
    ({ client } = await api.user());
  });
  afterAll(() => api?.close());

  const post = (body: Buffer, query = '', headers: Record<string, string> = {}) =>
    client.call<{ received_bytes: number }>('POST', `/api/upload/chunk${query}`, {
      raw: body,
      headers: { 'content-type': `multipart/form-data; boundary=${BOUNDARY}`, ...headers },
    });
  const filesOf = (id: string) => readdirSync(join(api.env.storageDir, '.tmp', 'uploads', id));

  it('are taken like others, and mixed with them', async () => {
    const file = randomFile(2 * CHUNK + 5);
    const { upload_id: id } = await begin(client, file.length);
    const chunk = (index: number) => file.subarray(index * CHUNK, (index + 1) * CHUNK);
    const fields = (index: number): Part[] => [
      ['upload_id', id],
      ['index', String(index)],
      ['anything', 'else'],
      ['file', chunk(index)],
    ];
    expect((await post(form(fields(2)))).data).toMatchObject({ received_bytes: 5 });
    expect((await post(form(fields(0)), '', { 'x-chunk-sha256': sha256(chunk(0)) })).status).toBe(200);
    expect((await post(form([['file', chunk(1)]]), `?upload_id=${id}&index=1`)).status).toBe(200);
    expect((await send(client, id, 0, chunk(0))).status).toBe(200);
    expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
  });

  it('come from the FormData of a browser, too', async () => {
    const file = randomFile(CHUNK);
    const { upload_id: id } = await begin(client, file.length);
    const data = new FormData();
    data.set('upload_id', id);
    data.set('index', '0');
    data.set('file', new Blob([new Uint8Array(file)]), 'blob');
    const answer = await fetch(`${api.url}/api/upload/chunk`, {
      method: 'POST',
      headers: { authorization: `Bearer ${client.token}` },
      body: data,
    });
    expect(answer.status).toBe(200);
    expect((await finalize(client, id)).data.sha256).toBe(sha256(file));
  });

  it.each<[string, (id: string) => Buffer, number]>([
    [
      'without a file',
      (id) =>
        form([
          ['upload_id', id],
          ['index', '0'],
        ]),
      400,
    ],
    [
      'with its fields after the file',
      (id) =>
        form([
          ['file', randomFile(CHUNK)],
          ['upload_id', id],
          ['index', '0'],
        ]),
      400,
    ],
    [
      'with a field twice',
      (id) =>
        form([
          ['upload_id', id],
          ['index', '0'],
          ['index', '1'],
          ['file', randomFile(CHUNK)],
        ]),
      400,
    ],
    [
      'with too many fields',
      (id) =>
        form([
          ['upload_id', id],
          ...Array.from({ length: 20 }, (_, n): Part => [`f${n}`, '']),
          ['file', randomFile(CHUNK)],
        ]),
      400,
    ],
    [
      'with a field too long',
      (id) =>
        form([
          ['upload_id', id.repeat(100)],
          ['index', '0'],
          ['file', randomFile(CHUNK)],
        ]),
      400,
    ],
    [
      'with a chunk too short',
      (id) =>
        form([
          ['upload_id', id],
          ['index', '0'],
          ['file', randomFile(CHUNK - 1)],
        ]),
      400,
    ],
    [
      'with a chunk too long',
      (id) =>
        form([
          ['upload_id', id],
          ['index', '0'],
          ['file', randomFile(40 * CHUNK)],
        ]),
      413,
    ],
    [
      'that ends early',
      (id) =>
        form(
          [
            ['upload_id', id],
            ['index', '0'],
            ['file', randomFile(CHUNK)],
          ],
          '',
        ),
      400,
    ],
    ['that is no form', () => randomFile(1_000), 400],
    ['that is empty', () => Buffer.alloc(0), 400],
    [
      'of __proto__',
      () =>
        form([
          ['__proto__', 'x'],
          ['constructor', 'y'],
          ['file', randomFile(CHUNK)],
        ]),
      400,
    ],
  ])('are refused %s, and nothing is kept', async (_name, body, status) => {
    const { upload_id: id } = await begin(client, 2 * CHUNK);
    await send(client, id, 1, randomFile(CHUNK));
    const before = filesOf(id);
    const answer = await post(body(id));
    expect(outcome(answer)).toEqual({
      status,
      code: status === 413 ? 'PAYLOAD_TOO_LARGE' : 'VALIDATION_ERROR',
    });
    await eventually(() => expect(filesOf(id)).toEqual(before));
    expect((await statusOf(client, id)).received_chunks).toEqual([1]);
  });

  it('are refused without a boundary', async () => {
    const answer = await post(form([]), '', { 'content-type': 'multipart/form-data' });
    expect(outcome(answer)).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
  });

  it('leave nothing when the connection is cut', async () => {
    const { upload_id: id } = await begin(client, 2 * CHUNK);
    const body = form([['upload_id', id], ['index', '0'], ['file', randomFile(CHUNK)]]); // prettier-ignore
    const socket = connect(api.env.port, '127.0.0.1');
    socket.write(
      `POST /api/upload/chunk HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${client.token}\r\n` +
        `Content-Type: multipart/form-data; boundary=${BOUNDARY}\r\nContent-Length: ${body.length}\r\n\r\n`,
    );
    socket.write(body.subarray(0, 50_000));
    await eventually(() => expect(filesOf(id)).toHaveLength(1));
    socket.destroy();
    await eventually(() => expect(filesOf(id)).toEqual([]));
  });
});
