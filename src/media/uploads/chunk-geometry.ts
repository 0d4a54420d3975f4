/** The largest chunk that a request may carry, in bytes. */
export const MAX_CHUNK_BYTES = 100 * 1024 * 1024;
/** The smallest chunk size that a client may ask for, in bytes: smaller ones cost more than they carry. */
export const MIN_CHUNK_BYTES = 64 * 1024;
/** No upload has more chunks than this; its chunk size grows instead. */
export const MAX_CHUNKS = 10_000;

/** How a file is cut into chunks: all of `chunkSize` bytes but the last, which holds the rest. */
export interface ChunkGeometry {
  readonly sizeBytes: number;
  readonly chunkSize: number;
  readonly chunkCount: number;
}

/**
 * Cuts a file of `sizeBytes` into chunks of about `preferred` bytes, larger where there would be more than
 * 10,000 of them. The caller has checked that `sizeBytes` is a whole number above zero.
 */
export function chunkGeometry(sizeBytes: number, preferred: number): ChunkGeometry {
  const least = Math.ceil(sizeBytes / MAX_CHUNKS);
  const chunkSize = Math.min(MAX_CHUNK_BYTES, Math.max(preferred, roundUp(least, MIN_CHUNK_BYTES)));
  return { sizeBytes, chunkSize, chunkCount: Math.ceil(sizeBytes / chunkSize) };
}

/** The exact number of bytes of chunk `index`, or undefined where there is no such chunk. */
export function chunkLength(geometry: ChunkGeometry, index: number): number | undefined {
  if (!Number.isInteger(index) || index < 0 || index >= geometry.chunkCount) return undefined;
  const last = index === geometry.chunkCount - 1;
  return last ? geometry.sizeBytes - index * geometry.chunkSize : geometry.chunkSize;
}

function roundUp(value: number, unit: number): number {
  return Math.ceil(value / unit) * unit;
}
