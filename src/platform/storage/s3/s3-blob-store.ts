import {
  AbortMultipartUploadCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { Injectable, type OnModuleDestroy } from '@nestjs/common';
import { createReadStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { ownIdentity } from '../../process/process-identity';
import { processName } from '../../process/process-name';
import type { Env } from '../../settings/env';
import type { S3Env } from '../../settings/s3-env';
import { BlobStore, type ByteRange, type ListedBlob, type LocalFile, type StoredBlob } from '../blob-store';
import { checksumOf, diskUsage, keyParts, temporaryFolder } from '../local-disk';
import { downloadTo } from './download-to';
import { heard } from './heard';
import { LocalCopies } from './local-copies';
import { isMissing, s3Error } from './s3-errors';

/** S3 takes parts from 5 MiB on, and 10,000 of them: files over 80 GB get larger ones. */
const PART_BYTES = 8 << 20;
const MAX_PARTS = 10_000;
/** Parts of a file that are sent at a time: so many are in memory. */
const PARTS_AT_A_TIME = 3;
/** Keys that one request removes, at most. */
const KEYS_AT_A_TIME = 1_000;
/** How long S3 may say nothing while it is waited for, in milliseconds; the client asks three times. */
const SILENT_MS = 15_000;
/** A part that is sent may take as long as at this speed. */
const SLOWEST_BYTES_PER_MS = 25;
/** A file that came differently from how it was stored is fetched anew so often. */
const DOWNLOAD_ATTEMPTS = 3;

/**
 * A blob store in a bucket of S3, or of what speaks its protocol. Under a key there is nothing until all of it is
 * there: that is what S3 promises for a file sent at once and for the completion of one sent in parts. Each object
 * carries its SHA-256, against which copies are checked.
 */
@Injectable()
export class S3BlobStore extends BlobStore implements OnModuleDestroy {
  private readonly client: S3Client;
  private readonly copies: LocalCopies;
  private readonly bucket: string;
  private readonly root: string;

  constructor(
    env: Pick<Env, 'storageDir' | 'workDir'>,
    s3: S3Env,
    private readonly silentMs = SILENT_MS,
  ) {
    super();
    this.bucket = s3.bucket;
    this.root = env.storageDir;
    this.client = new S3Client({
      region: s3.region,
      forcePathStyle: s3.pathStyle,
      ...(s3.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
      ...(s3.credentials ? { credentials: s3.credentials } : {}),
      // A download that is slow holds a connection for as long as it takes.
      requestHandler: {
        connectionTimeout: 5_000,
        // To the head of the answer.
        requestTimeout: silentMs,
        throwOnRequestTimeout: true,
        httpAgent: { maxSockets: 500 },
        httpsAgent: { maxSockets: 500 },
      },
    });
    this.client.middlewareStack.add((next) => (args) => next(args).catch(refuse), { step: 'initialize' });
    // In the folder of this process: the next worker that starts removes what a killed one left there.
    const folder = join(env.workDir, processName(ownIdentity()), 'copies');
    this.copies = new LocalCopies(folder, s3.cacheBytes, {
      sizeOf: async (key, signal) => (await this.head(key, signal)).size,
      download: (key, path, signal) => this.download(key, path, signal),
    });
  }

  async onModuleDestroy(): Promise<void> {
    this.client.destroy();
    await this.copies.removeAll();
  }

  async put(key: string, source: string, known?: StoredBlob, signal?: AbortSignal): Promise<StoredBlob> {
    const object = this.object(key);
    const blob = known ?? (await checksumOf(source));
    signal?.throwIfAborted();
    const partSize = Math.max(PART_BYTES, Math.ceil(blob.size / MAX_PARTS));
    const upload = new Upload({
      // Where reading or sending ends early, the upload removes its parts before it fails; aborted itself, it does not.
      client: forUploads(
        this.client,
        this.silentMs + Math.min(blob.size, partSize) / SLOWEST_BYTES_PER_MS,
        signal,
      ),
      params: { ...object, Body: createReadStream(source, { signal }), Metadata: { sha256: blob.sha256 } },
      partSize,
      queueSize: PARTS_AT_A_TIME,
    });
    await upload.done().catch((error: unknown) => {
      signal?.throwIfAborted();
      throw error;
    });
    await rm(source);
    return blob;
  }

  async local(key: string, signal?: AbortSignal): Promise<LocalFile> {
    keyParts(key);
    return this.copies.take(key, signal);
  }

  async *pieces(key: string, range?: ByteRange): AsyncGenerator<Buffer> {
    // Of an empty file; S3 takes such a range for a mistake and sends all.
    if (range && range.end < range.start) return;
    const body = await this.open(key, range);
    try {
      yield* body;
    } catch (error) {
      // The client's own errors end with the head of the answer.
      throw s3Error(error);
    }
  }

  private async open(
    key: string,
    range?: ByteRange,
    abortSignal?: AbortSignal,
  ): Promise<AsyncGenerator<Buffer>> {
    const { Body } = await this.client.send(
      new GetObjectCommand({
        ...this.object(key),
        ...(range ? { Range: `bytes=${range.start}-${range.end}` } : {}),
      }),
      { abortSignal },
    );
    if (!Body) throw new Error(`S3 answered without the contents of ${key}`);
    return heard(Body as Readable, this.silentMs);
  }

  async stat(key: string): Promise<{ size: number } | undefined> {
    try {
      return { size: (await this.head(key)).size };
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw error;
    }
  }

  async delete(key: string): Promise<void> {
    await this.client.send(new DeleteObjectCommand(this.object(key)));
  }

  async deletePrefix(prefix: string): Promise<number> {
    let freed = 0;
    let batch: string[] = [];
    for await (const { key, size } of this.list(prefix)) {
      freed += size;
      batch.push(key);
      if (batch.length < KEYS_AT_A_TIME) continue;
      await this.deleteAll(batch);
      batch = [];
    }
    if (batch.length > 0) await this.deleteAll(batch);
    return freed;
  }

  async *list(prefix: string): AsyncGenerator<ListedBlob> {
    const Prefix = `${keyParts(prefix).join('/')}/`;
    const pages = paginateListObjectsV2({ client: this.client }, { Bucket: this.bucket, Prefix });
    for await (const { Contents = [] } of pages)
      for (const { Key, Size, LastModified } of Contents)
        if (Key !== undefined) yield { key: Key, size: Size ?? 0, modifiedAt: LastModified ?? new Date() };
  }

  tempDir(): Promise<string> {
    return temporaryFolder(this.root);
  }

  usage(): Promise<{ freeBytes: number; totalBytes: number }> {
    return diskUsage(this.root);
  }

  async check(): Promise<void> {
    await this.tempDir();
    await this.client.send(new HeadBucketCommand({ Bucket: this.bucket }));
  }

  private object(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.bucket, Key: keyParts(key).join('/') };
  }

  private async head(
    key: string,
    abortSignal?: AbortSignal,
  ): Promise<{ size: number; sha256: string | undefined }> {
    const { ContentLength, Metadata } = await this.client.send(new HeadObjectCommand(this.object(key)), {
      abortSignal,
    });
    return { size: ContentLength ?? 0, sha256: Metadata?.['sha256'] };
  }

  private async download(key: string, path: string, signal: AbortSignal): Promise<void> {
    const stored = await this.head(key, signal);
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await downloadTo(path, await this.open(key, undefined, signal), stored, signal);
      } catch (error) {
        await rm(path, { force: true });
        if (attempt === DOWNLOAD_ATTEMPTS || isMissing(error) || signal.aborted) throw s3Error(error);
      }
    }
  }

  private async deleteAll(keys: readonly string[]): Promise<void> {
    const { Errors = [] } = await this.client.send(
      new DeleteObjectsCommand({
        Bucket: this.bucket,
        Delete: { Objects: keys.map((Key) => ({ Key })), Quiet: true },
      }),
    );
    const [first] = Errors;
    if (first) throw new Error(`S3 did not remove ${first.Key}: ${first.Code} ${first.Message}`);
  }
}

/**
 * The same client, each of whose requests may take so long, in milliseconds, and ends with the signal; all but the one
 * that removes what was sent by then.
 */
function forUploads(client: S3Client, requestTimeout: number, signal?: AbortSignal): S3Client {
  const send = (command: Parameters<S3Client['send']>[0]) =>
    client.send(command, {
      requestTimeout,
      ...(signal && !(command instanceof AbortMultipartUploadCommand) ? { abortSignal: signal } : {}),
    });
  return Object.assign(Object.create(client) as S3Client, { send });
}

function refuse(error: unknown): never {
  throw s3Error(error);
}
