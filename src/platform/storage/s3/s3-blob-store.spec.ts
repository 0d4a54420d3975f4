import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { blobStoreContract, contentsOf } from '../../../../test/support/blob-store.contract';
import { eventually } from '../../../../test/support/eventually';
import { Gate } from '../../../../test/support/gate';
import { startS3, type TestS3 } from '../../../../test/support/s3-server';
import { unavailableServer } from '../../errors/unavailable';
import { loadEnv } from '../../settings/env';
import { S3BlobStore } from './s3-blob-store';

describe('S3BlobStore', () => {
  let root: string;
  let s3: TestS3;
  let store: S3BlobStore;

  beforeAll(async () => {
    root = await mkdtemp(join(tmpdir(), 's3-blobs-'));
    s3 = await startS3();
    store = storeWith({});
  });
  afterAll(async () => {
    await store.onModuleDestroy();
    await s3.close();
    await rm(root, { recursive: true });
  });

  function storeWith(variables: Record<string, string>, silentMs?: number): S3BlobStore {
    const env = loadEnv({ AGENTOS_HOME: root, ...s3.variables, ...variables });
    if (!env.s3) throw new Error('S3 is not configured');
    return new S3BlobStore(env, env.s3, silentMs);
  }

  async function source(contents = 'hello'): Promise<string> {
    const path = join(await store.tempDir(), 'new');
    await writeFile(path, contents);
    return path;
  }
  async function filesBelow(folder: string): Promise<string[]> {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true });
    return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
  }
  async function put(key: string, contents: string): Promise<void> {
    await store.put(key, await source(contents));
  }

  describe('as every blob store', () => blobStoreContract(() => store));

  it('refuses a copy that is not what was stored', async () => {
    await put('changed/file', 'hello');
    const { S3_ENDPOINT: endpoint, S3_BUCKET: Bucket, S3_ACCESS_KEY_ID: key = '' } = s3.variables;
    const client = new S3Client({
      endpoint,
      region: 'us-east-1',
      forcePathStyle: true,
      credentials: { accessKeyId: key, secretAccessKey: key },
    });
    const object = { Bucket, Key: 'changed/file' };
    const { Metadata } = await client.send(new GetObjectCommand(object));
    await client.send(new PutObjectCommand({ ...object, Body: 'hallo', Metadata }));
    client.destroy();
    await expect(store.local('changed/file')).rejects.toThrow('another checksum');
  });

  it('keeps copies up to a limit, those in use beyond it, and none when it ends', async () => {
    const small = storeWith({ S3_CACHE_MIB: '0', WORK_DIR: join(root, 'small') });
    await put('copies/a', 'aaa');
    await put('copies/b', 'bbb');
    const files = async () => (await filesBelow(join(root, 'small'))).length;
    const a = await small.local('copies/a');
    const b = await small.local('copies/b');
    expect(await files()).toBe(2);
    a.release();
    const again = await small.local('copies/b');
    expect(again.path).toBe(b.path);
    await put('copies/c', 'ccc');
    await small.local('copies/c');
    expect(await files()).toBe(2);
    await small.onModuleDestroy();
    expect(await files()).toBe(0);
  });

  describe('while a file is fetched', () => {
    /** Opens when S3 is asked for it; S3 sends nothing until `held` opens. */
    let asked: Gate;
    let held: Gate;
    let requests: IncomingMessage[];
    /** One of which there is no copy yet. */
    let key: string;
    const reason = new Error('stopping');

    beforeEach(async () => {
      [asked, held, requests] = [new Gate(), new Gate(), []];
      key = `slow/${randomUUID()}`;
      await put(key, 'hello');
      s3.before = async (request) => {
        if (request.method !== 'GET') return;
        requests.push(request);
        asked.open();
        await held.opened;
      };
    });
    afterEach(() => {
      held.open();
      s3.before = () => undefined;
    });

    it('lets go of it when the only one who waits is stopped', async () => {
      const stopping = new AbortController();
      const waiting = store.local(key, stopping.signal);
      await asked.opened;
      const closed = once(requests[0]?.socket ?? new Socket(), 'close');
      stopping.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      await closed;
      held.open();
      const again = await store.local(key);
      expect(await readFile(again.path, 'utf8')).toBe('hello');
      expect(requests).toHaveLength(2);
    });

    it('fetches it for the others when one of those who wait is stopped', async () => {
      const stopping = new AbortController();
      const waiting = store.local(key, stopping.signal);
      const other = store.local(key);
      await asked.opened;
      stopping.abort(reason);
      await expect(waiting).rejects.toBe(reason);
      held.open();
      expect(await readFile((await other).path, 'utf8')).toBe('hello');
      expect(requests).toHaveLength(1);
    });

    it('asks for nothing for one who was stopped before', async () => {
      await expect(store.local(key, AbortSignal.abort(reason))).rejects.toBe(reason);
      expect(requests).toHaveLength(0);
    });
  });

  it.each<[string, (refused: S3BlobStore) => Promise<unknown>]>([
    ['put', async (refused) => refused.put('secret/new', await source())],
    ['pieces', (refused) => contentsOf(refused.pieces('secret/file'))],
    ['local', (refused) => refused.local('secret/file')],
    ['stat', (refused) => refused.stat('secret/file')],
    ['delete', (refused) => refused.delete('secret/file')],
    ['deletePrefix', (refused) => refused.deletePrefix('secret')],
    ['check', (refused) => refused.check()],
  ])('is told so by %s when its secret is not that of its key', async (_name, call) => {
    await put('secret/file', 'hello');
    const refused = storeWith({ S3_SECRET_ACCESS_KEY: 'another' });
    await expect(call(refused)).rejects.toMatchObject({ code: 'STORAGE_REFUSED', status: 503 });
    await refused.onModuleDestroy();
    expect(await store.stat('secret/file')).toEqual({ size: 5 });
    expect(await store.stat('secret/new')).toBeUndefined();
  });

  it('says that it is S3 which is away, and nothing that could be taken for another server', async () => {
    const gone = createServer();
    await new Promise<void>((resolve) => gone.listen(0, '127.0.0.1', resolve));
    const { port } = gone.address() as AddressInfo;
    await new Promise((resolve) => gone.close(resolve));
    const away = storeWith({ S3_ENDPOINT: `http://127.0.0.1:${port}` });
    const path = await source();
    for (const call of [away.put('a/b', path), away.local('a/b'), away.stat('a/b'), away.check()])
      expect(unavailableServer(await call.catch((error: unknown) => error))).toBe('storage');
    await rm(path);
    await away.onModuleDestroy();
  });

  it('says so too when S3 goes in the middle of a file', async () => {
    const server = createServer((_request, response) => {
      response.writeHead(200, { 'content-length': 10 });
      response.write('hello', () => response.destroy());
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const broken = storeWith({ S3_ENDPOINT: `http://127.0.0.1:${port}` });
    const error = await contentsOf(broken.pieces('a/b')).catch((reason: unknown) => reason);
    expect(unavailableServer(error)).toBe('storage');
    await broken.onModuleDestroy();
    server.close();
  });

  describe('that says nothing any more', () => {
    let server: Server;
    let silent: S3BlobStore;
    /** What it sends of ten bytes before it falls silent; nothing at all, not even a head, if undefined. */
    let part: string | undefined;
    let requests: IncomingMessage[];
    const size = { 'content-length': 10 };

    beforeAll(async () => {
      server = createServer((request, response) => {
        requests.push(request);
        request.resume();
        if (request.method === 'HEAD') response.writeHead(200, size).end();
        else if (part !== undefined) {
          response.writeHead(200, size).flushHeaders();
          if (part !== '') response.write(part);
        }
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const { port } = server.address() as AddressInfo;
      silent = storeWith({ S3_ENDPOINT: `http://127.0.0.1:${port}` }, 500);
    });
    beforeEach(() => (requests = []));
    afterAll(async () => {
      await silent.onModuleDestroy();
      server.closeAllConnections();
      server.close();
    });
    const failure = async (call: Promise<unknown>) =>
      unavailableServer(await call.catch((reason: unknown) => reason));

    it('is asked three times, and then taken for away', async () => {
      part = undefined;
      expect(await failure(silent.delete('a/b'))).toBe('storage');
      expect(requests).toHaveLength(3);
    });

    it.each(['', 'hello'])('is not waited for in the middle of a file, after "%s"', async (sent) => {
      part = sent;
      expect(await failure(contentsOf(silent.pieces('a/b')))).toBe('storage');
      expect(await failure(silent.local('a/b'))).toBe('storage');
      expect(await filesBelow(join(root, 'work'))).toEqual([]);
    });

    it('is let go of at once by who is stopped in the middle of a file', async () => {
      const patient = storeWith({
        S3_ENDPOINT: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      });
      part = 'hello';
      const stopping = new AbortController();
      const waiting = patient.local('a/b', stopping.signal);
      await eventually(() => expect(requests.map(({ method }) => method)).toEqual(['HEAD', 'HEAD', 'GET']));
      const closed = once(requests[2]?.socket ?? new Socket(), 'close');
      stopping.abort(new Error('stopping'));
      await expect(waiting).rejects.toThrow('stopping');
      await closed;
      await patient.onModuleDestroy();
    });

    it('is waited for by who takes time between two pieces', async () => {
      await put('slow/reader', 'x'.repeat(300_000));
      const reader = storeWith({}, 1_000);
      let bytes = 0;
      for await (const piece of reader.pieces('slow/reader')) {
        if (bytes === 0) await new Promise((resolve) => setTimeout(resolve, 1_500));
        bytes += piece.length;
      }
      expect(bytes).toBe(300_000);
      await reader.onModuleDestroy();
    });
  });

  it('gives up what it has sent of a file when it is stopped', async () => {
    const stopping = new AbortController();
    const reason = new Error('stopping');
    const seen: string[] = [];
    const server = createServer((request, response) => {
      const { method, url = '' } = request;
      const { searchParams: query } = new URL(url, 'http://s3');
      seen.push(`${method} ${query.has('uploads') ? 'begin' : (query.get('uploadId') ?? '')}`);
      if (method === 'PUT') stopping.abort(reason);
      request.resume().once('end', () => {
        response.writeHead(method === 'DELETE' ? 204 : 200, { etag: '"part"' });
        response.end(method === 'POST' ? '<R><UploadId>u1</UploadId></R>' : undefined);
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const stopped = storeWith({ S3_ENDPOINT: `http://127.0.0.1:${port}` });
    const size = 80 << 20;
    const path = await source('');
    await truncate(path, size);
    await expect(stopped.put('a/b', path, { size, sha256: '00' }, stopping.signal)).rejects.toBe(reason);
    expect([seen[0], seen.at(-1)]).toEqual(['POST begin', 'DELETE u1']);
    expect(seen).not.toContain('POST u1');
    expect((await stat(path)).size).toBe(size);
    await rm(path);
    await stopped.onModuleDestroy();
    server.close();
  });

  describe('where the server refuses', () => {
    let server: Server;
    let status: number;
    beforeAll(async () => {
      server = createServer((request, response) => {
        request.resume().once('end', () => response.writeHead(status).end());
      });
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    });
    afterAll(() => void server.close());

    it.each([
      [507, { code: 'STORAGE_FULL' }],
      [403, { code: 'STORAGE_REFUSED' }],
      [503, { name: 'StorageAway' }],
    ])('with %d', async (answer, error) => {
      status = answer;
      const port = (server.address() as AddressInfo).port;
      const refused = storeWith({ S3_ENDPOINT: `http://127.0.0.1:${port}` });
      const source = join(await refused.tempDir(), 'new');
      await writeFile(source, 'hello');
      await expect(refused.put('a/b', source)).rejects.toMatchObject(error);
      expect(await readdir(await refused.tempDir())).toEqual(['new']);
      await rm(source);
      await refused.onModuleDestroy();
    });
  });
});
