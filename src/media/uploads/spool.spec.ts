import { createHash, randomBytes } from 'node:crypto';
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { spool, writeAll } from './spool';

const MIB = 1 << 20;

/** Waits for the end of a stream, also if that is over. */
function eventuallyEnded(stream: Readable): Promise<void> {
  return stream.readableEnded
    ? Promise.resolve()
    : new Promise((resolve) => stream.once('end', () => resolve()));
}

describe('spool', () => {
  let folder: string;
  let path: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'agentos-spool-'));
    path = join(folder, 'chunk');
  });
  afterEach(() => rm(folder, { recursive: true }));

  /** A body in pieces of these lengths. */
  function body(bytes: Buffer, ...lengths: number[]): Readable {
    let at = 0;
    return Readable.from(lengths.map((length) => bytes.subarray(at, (at += length))));
  }

  it.each([
    ['nothing', []],
    ['one byte', [1]],
    ['less than a block', [MIB - 1]],
    ['a block', [MIB]],
    ['a block and a byte', [MIB, 1]],
    ['pieces across the ends of blocks', [MIB - 3, 7, MIB, 65_536, 2 * MIB + 1, 1]],
    ['many pieces', Array.from({ length: 50 }, () => 65_536)],
    ['very many small pieces', Array.from({ length: 5_000 }, () => 7)],
  ])('writes %s as it came', async (_name, lengths: number[]) => {
    const bytes = randomBytes(lengths.reduce((sum, length) => sum + length, 0));
    const result = await spool(body(bytes, ...lengths), path, bytes.length);
    expect(result).toEqual({
      sizeBytes: bytes.length,
      sha256: createHash('sha256').update(bytes).digest('hex'),
    });
    expect((await readFile(path)).equals(bytes)).toBe(true);
  });

  it('stops after the limit, and leaves the body for the caller to deal with', async () => {
    const source = body(randomBytes(3 * MIB), ...Array.from({ length: 48 }, () => 65_536));
    await expect(spool(source, path, MIB)).rejects.toMatchObject({ code: 'PAYLOAD_TOO_LARGE' });
    expect(source.errored).toBeNull();
    // It was let go: what is left of it goes by, or can be read away.
    source.resume();
    await eventuallyEnded(source);
    expect((await stat(path)).size).toBeLessThanOrEqual(MIB);
  });

  it('never writes into a file that is there', async () => {
    await writeFile(path, 'theirs');
    await expect(spool(body(randomBytes(10), 10), path, 10)).rejects.toThrow('EEXIST');
    expect(await readFile(path, 'utf8')).toBe('theirs');
  });

  it('tells a cut connection from a fault of ours', async () => {
    const source = new Readable({ read: () => undefined });
    source.on('error', () => undefined); // as a request, which nobody has to listen to
    source.push(randomBytes(100));
    setImmediate(() => source.destroy(new Error('aborted')));
    await expect(spool(source, path, 1_000)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('tells a connection that was cut before', async () => {
    const source = new Readable({ read: () => undefined });
    source.destroy();
    await new Promise((resolve) => source.once('close', resolve));
    await expect(spool(source, path, 1_000)).rejects.toMatchObject({ code: 'VALIDATION_ERROR' });
  });

  it('gives up a body that stalls', async () => {
    const source = new Readable({ read: () => undefined });
    source.push(randomBytes(100));
    await expect(spool(source, path, 1_000, 20)).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    expect(source.destroyed).toBe(false);
  });

  it('says that the disk is full', async () => {
    const full = await open('/dev/full', 'w');
    await expect(writeAll(full, randomBytes(10), 0)).rejects.toMatchObject({ code: 'STORAGE_FULL' });
    await full.close();
    expect(await readdir(folder)).toEqual([]);
  });
});
