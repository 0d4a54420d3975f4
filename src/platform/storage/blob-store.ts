/** Bytes `start` to `end` of a file, both inclusive, from 0; none if `end` is before `start`. */
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

/** A file on this machine that holds what is stored under a key. It must not be changed. */
export interface LocalFile {
  readonly path: string;
  /** The file is no longer needed and may go at any time. Calling it again is harmless. */
  release(): void;
}

/** What is stored under a key, as a list tells it. */
export interface ListedBlob {
  key: string;
  /** In bytes. */
  size: number;
  modifiedAt: Date;
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
   * @param signal stops a store that sends the file somewhere; what was sent of it by then is given up
   * @throws AppError STORAGE_FULL; the reason of `signal`
   */
  abstract put(key: string, source: string, known?: StoredBlob, signal?: AbortSignal): Promise<StoredBlob>;
  /**
   * A file with the contents of `key` for tools that read files; it stays until it is released.
   *
   * @param signal stops a store that fetches the file from somewhere, unless others wait for it, too
   * @throws Error if there is nothing under the key; AppError STORAGE_FULL; the reason of `signal`
   */
  abstract local(key: string, signal?: AbortSignal): Promise<LocalFile>;
  /**
   * The contents, or a part of them, in pieces, each of which is there until the next one is asked for.
   *
   * @throws Error at the first piece if there is nothing under the key
   */
  abstract pieces(key: string, range?: ByteRange): AsyncIterable<Buffer>;
  /** The size in bytes; undefined if there is nothing under the key. */
  abstract stat(key: string): Promise<{ size: number } | undefined>;
  /** Removes what is under the key, if anything. */
  abstract delete(key: string): Promise<void>;
  /** Removes all keys below `prefix`, a part of a key up to one of its slashes; the number of bytes freed. */
  abstract deletePrefix(prefix: string): Promise<number>;
  /** All keys below `prefix`, in no order. */
  abstract list(prefix: string): AsyncIterable<ListedBlob>;
  /** A folder for files that will be put, on the same file system if the store is a folder. All processes share it. */
  abstract tempDir(): Promise<string>;
  /** Free and total bytes of the disk that {@link tempDir} is on. */
  abstract usage(): Promise<{ freeBytes: number; totalBytes: number }>;
  /** Resolves if files can be stored and read. @throws Error saying why not */
  abstract check(): Promise<void>;
}
