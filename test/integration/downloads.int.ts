import { once } from 'node:events';
import { readdirSync, readlinkSync } from 'node:fs';
import { truncate, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { join } from 'node:path';
import { v7 as uuidv7 } from 'uuid';
import { DownloadLinks } from '../../src/platform/storage/download-links';
import { signToken } from '../../src/platform/security/signed-token';
import { SigningKeys } from '../../src/platform/security/signing-keys';
import { BlobStore } from '../../src/platform/storage/blob-store';
import { eventually } from '../support/eventually';
import { outcome, randomFile } from '../support/uploading';
import { bootUserApi, type UserApi } from '../support/user-api';

interface Stored {
  id: string;
  /** Path and query of its link. */
  path: string;
  bytes: Buffer;
  etag: string;
}

describe('downloads', () => {
  let api: UserApi;
  let clip: Stored;

  beforeAll(async () => {
    api = await bootUserApi();
    clip = await store(randomFile(300_000));
  });
  afterAll(() => api?.close());

  async function store(
    bytes: Buffer,
    { name = 'clip 01.mp4', type = 'video/mp4', expiresAt = null as Date | null } = {},
  ): Promise<Stored> {
    const blobs = api.get(BlobStore);
    const id = uuidv7();
    const source = join(await blobs.tempDir(), id);
    await writeFile(source, bytes);
    const key = `exports/${id}/file`;
    const { size, sha256 } = await blobs.put(key, source);
    await api.database.query(
      `INSERT INTO artifacts (id, kind, name, content_type, storage_key, size_bytes, sha256, expires_at)
       VALUES ($1, 'test', $2, $3, $4, $5, $6, $7)`,
      [id, name, type, key, size, sha256, expiresAt],
    );
    return { id, bytes, etag: `"${sha256}"`, path: new URL(api.get(DownloadLinks).to(id).url).pathname };
  }
  async function pathOf({ id }: Stored): Promise<string> {
    const { path, release } = await api.get(BlobStore).local(`exports/${id}/file`);
    release();
    return path;
  }
  const get = (path: string, headers: Record<string, string> = {}) => api.anonymous.get(path, headers);

  it('sends the whole file to whoever has the link', async () => {
    const answer = await get(clip.path);
    expect(answer.status).toBe(200);
    expect(answer.bytes.equals(clip.bytes)).toBe(true);
    expect(Object.fromEntries(answer.headers)).toMatchObject({
      'accept-ranges': 'bytes',
      'content-disposition': 'attachment; filename="clip 01.mp4"',
      'content-length': String(clip.bytes.length),
      'content-type': 'video/mp4',
      etag: clip.etag,
      'x-content-type-options': 'nosniff',
    });
  });

  it.each([
    ['bytes=0-0', 0, 0],
    ['bytes=100-199', 100, 199],
    ['bytes=299999-', 299_999, 299_999],
    ['bytes=0-', 0, 299_999],
    ['bytes=-1', 299_999, 299_999],
    ['bytes=-300001', 0, 299_999],
    ['bytes=200000-99999999999999', 200_000, 299_999],
  ])('sends the range %s', async (range, start, end) => {
    const answer = await get(clip.path, { range });
    expect(answer.status).toBe(206);
    expect(answer.headers.get('content-range')).toBe(`bytes ${start}-${end}/300000`);
    expect(answer.headers.get('content-length')).toBe(String(end - start + 1));
    expect(answer.bytes.equals(clip.bytes.subarray(start, end + 1))).toBe(true);
  });

  it.each(['bytes=300000-', 'bytes=300000-300001', 'bytes=-0'])('has nothing for %s', async (range) => {
    const answer = await get(clip.path, { range });
    expect(outcome(answer)).toEqual({ status: 416, code: 'RANGE_NOT_SATISFIABLE' });
    expect(answer.headers.get('content-range')).toBe('bytes */300000');
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.headers.get('etag')).toBeNull();
  });

  it.each(['bytes=5-2', 'bytes=abc', 'items=0-1', 'bytes=0-1,5-6', 'bytes 0-1'])(
    'sends all for %s',
    async (range) => {
      const answer = await get(clip.path, { range });
      expect({ status: answer.status, length: answer.bytes.length }).toEqual({
        status: 200,
        length: 300_000,
      });
    },
  );

  it('heeds If-Range: the part of the same version, else all', async () => {
    const range = 'bytes=0-9';
    expect((await get(clip.path, { range, 'if-range': clip.etag })).status).toBe(206);
    expect((await get(clip.path, { range, 'if-range': '"another"' })).status).toBe(200);
    expect((await get(clip.path, { range, 'if-range': `W/${clip.etag}` })).status).toBe(200);
  });

  it('heeds If-None-Match', async () => {
    for (const header of [clip.etag, `"x", W/${clip.etag}`, '*']) {
      const answer = await get(clip.path, { 'if-none-match': header, range: 'bytes=0-9' });
      expect({ status: answer.status, length: answer.bytes.length }).toEqual({ status: 304, length: 0 });
      expect(answer.headers.get('etag')).toBe(clip.etag);
    }
    expect((await get(clip.path, { 'if-none-match': '"another"' })).status).toBe(200);
  });

  it('answers HEAD with the headers alone, whatever range is asked for', async () => {
    const answer = await api.anonymous.call('HEAD', clip.path, { headers: { range: 'bytes=0-9' } });
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-length')).toBe('300000');
    expect(answer.headers.get('etag')).toBe(clip.etag);
    expect(answer.headers.get('x-trace-id')).not.toBeNull();
    expect(answer.bytes).toHaveLength(0);
  });

  it('lets a browser show videos and pictures, and nothing else', async () => {
    expect((await get(`${clip.path}?inline=1`)).headers.get('content-disposition')).toMatch(/^inline;/);
    const page = await store(Buffer.from('<script>alert(1)</script>'), { name: 'x.html', type: 'text/html' });
    const shown = await get(`${page.path}?inline=1`);
    expect(shown.headers.get('content-disposition')).toMatch(/^attachment;/);
    expect(shown.headers.get('content-security-policy')).toContain('sandbox');
    expect(outcome(await get(`${clip.path}?inline=yes`))).toEqual({ status: 400, code: 'VALIDATION_ERROR' });
  });

  it('names files in every script', async () => {
    const file = await store(randomFile(10), { name: 'Über "uns" 視頻.mp4' });
    expect((await get(file.path)).headers.get('content-disposition')).toBe(
      `attachment; filename="_ber _uns_ __.mp4"; filename*=UTF-8''%C3%9Cber%20%22uns%22%20%E8%A6%96%E9%A0%BB.mp4`,
    );
  });

  it('lets go of the file when the client goes in the middle', async () => {
    const file = await store(randomFile(20 << 20));
    const path = await pathOf(file);
    const opened = () =>
      readdirSync('/proc/self/fd').filter((fd) => {
        try {
          return readlinkSync(`/proc/self/fd/${fd}`) === path;
        } catch {
          return false; // closed meanwhile
        }
      });
    const [response] = (await once(request(`${api.url}${file.path}`).end(), 'response')) as [IncomingMessage];
    await once(response, 'readable');
    expect(opened()).toHaveLength(1);
    response.destroy();
    await eventually(() => expect(opened()).toEqual([]));
  });

  it('cuts the connection when a file is shorter than it was, and goes on', async () => {
    const file = await store(randomFile(2 << 20));
    await truncate(await pathOf(file), 1 << 20);
    await expect(get(file.path)).rejects.toThrow();
    expect((await get(clip.path)).status).toBe(200);
  });

  it('sends an empty file', async () => {
    const file = await store(Buffer.alloc(0));
    const answer = await get(file.path);
    expect({ status: answer.status, length: answer.headers.get('content-length') }).toEqual({
      status: 200,
      length: '0',
    });
    expect((await get(file.path, { range: 'bytes=0-' })).status).toBe(416);
  });

  it('refuses links that were changed, have expired, or were signed for something else', async () => {
    const token = clip.path.split('/').at(-1) ?? '';
    const [body = '', mac = ''] = token.split('.');
    const other = Buffer.from(JSON.stringify({ a: uuidv7(), exp: 9_999_999_999 })).toString('base64url');
    const secret = (purpose: string) => api.get(SigningKeys).secret(purpose);
    const hour = 3_600_000;
    const refused = [
      `${body}.${'A'.repeat(mac.length)}`,
      `${other}.${mac}`,
      body,
      `${token}.x`,
      signToken(secret('downloads'), { a: clip.id }, new Date(Date.now() - 1_000)),
      signToken(secret('previews'), { a: clip.id }, new Date(Date.now() + hour)),
    ];
    for (const bad of refused) {
      expect(outcome(await get(`/api/downloads/${bad}`))).toEqual({ status: 403, code: 'LINK_EXPIRED' });
    }
  });

  it('gives no file that is gone, expired, or was never there', async () => {
    const gone = await store(randomFile(10));
    await api.get(BlobStore).delete(`exports/${gone.id}/file`);
    const expired = await store(randomFile(10), { expiresAt: new Date(Date.now() - 1_000) });
    const links = api.get(DownloadLinks);
    const never = new URL(links.to(uuidv7()).url).pathname;
    for (const path of [gone.path, expired.path, never]) {
      expect(outcome(await get(path))).toEqual({ status: 404, code: 'NOT_FOUND' });
    }
  });

  it('gives the same link for an hour, good for at least six', () => {
    const links = api.get(DownloadLinks);
    const at = (time: string) => links.to(clip.id, new Date(time));
    expect(at('2026-01-01T10:00:01Z').url).toBe(at('2026-01-01T11:00:00Z').url);
    expect(at('2026-01-01T10:00:01Z').expiresAt).toEqual(new Date('2026-01-01T17:00:00Z'));
    expect(at('2026-01-01T11:00:01Z').url).not.toBe(at('2026-01-01T11:00:00Z').url);
  });
});
