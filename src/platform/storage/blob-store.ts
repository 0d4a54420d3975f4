import type { Readable } from 'node:stream';

/** Bytes `start` to `end` of a file, both inclusive, from 0. */
export interface ByteRange {
  start: number;
  end: number;
}

/** What was stored. */
export interface StoredBlob {
  /** In bytes. */
  size: number;
  /** Lower-case hexadecimal. */
  sha256: string;
}

/**
 * Where files live. Keys are made by us from ids and fixed names, never from what a user sent.
 * A key that does not fit is a fault of ours and throws.
 */
export abstract class BlobStore {
  /**
   * Moves a local file in, atomically and durably: the key either holds all of it or nothing.
   *
   * @param known its checksum, if the caller has it already
   * @throws AppError STORAGE_FULL
   */
  abstract put(key: string, source: string, known?: StoredBlob): Promise<StoredBlob>;
  /** The path of a local, readable file with the contents of `key`; it must not be changed. */
  abstract localPath(key: string): Promise<string>;
  /** The contents, or a part of them. */
  abstract open(key: string, range?: ByteRange): Promise<Readable>;
  /** The size in bytes; undefined if there is nothing under the key. */
  abstract stat(key: string): Promise<{ size: number } | undefined>;
  /** Removes what is under the key, if anything. */
  abstract delete(key: string): Promise<void>;
  /** Removes all keys below `prefix`; the number of bytes freed. */
  abstract deletePrefix(prefix: string): Promise<number>;
  /** A folder on the same file system, for files that will be put. */
  abstract tempDir(): Promise<string>;
  /** Free and total bytes, as far as the store knows. */
  abstract usage(): Promise<{ freeBytes: number; totalBytes: number }>;
}
