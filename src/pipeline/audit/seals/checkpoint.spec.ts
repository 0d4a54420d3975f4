import { generateKeyPairSync } from 'node:crypto';
import { appendFile, mkdtemp, readFile, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Checkpoint,
  checkpointLine,
  isCheckpointSignedBy,
  makeCheckpoint,
  parseCheckpoint,
} from './checkpoint';
import { CheckpointFile } from './checkpoint-file';
import { makeSeal, NO_SEAL } from './seal';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const key = { kid: 'k1', privateKey };
const seal = makeSeal(
  { number: 4, to_seq: 9, hash: NO_SEAL },
  [{ seq: 10, leaf: Buffer.alloc(32, 1) }],
  10,
  key,
  new Date('2026-01-02T03:04:05.678Z'),
);
const checkpoint = makeCheckpoint(seal, 'agentos-1', key);
const line = checkpointLine(checkpoint).trimEnd();

describe('a checkpoint', () => {
  it('is a line that says what it was made of', () => {
    expect(line).toMatch(
      /^agentos-audit-checkpoint\/1 agentos-1 5 10 \S{44} 2026-01-02T03:04:05\.678000Z k1 \S{88}$/,
    );
    expect(parseCheckpoint(line)).toEqual(checkpoint);
    expect(isCheckpointSignedBy(checkpoint, publicKey)).toBe(true);
  });

  it.each<Partial<Checkpoint>>([
    { origin: 'agentos-2' },
    { number: 6 },
    { to_seq: 11 },
    { hash: Buffer.alloc(32) },
    { sealed_at: '2026-01-02T03:04:05.678001Z' },
    { key_id: 'k2' },
    { signature: Buffer.alloc(64) },
  ])('that was changed (%j) is not signed', (change) => {
    expect(isCheckpointSignedBy({ ...checkpoint, ...change }, publicKey)).toBe(false);
  });

  it.each(['', line.slice(0, -1), line.slice(1), `${line} x`, line.replace(' 5 ', ' 05 ')])(
    'is not read from %j',
    (text) => {
      expect(parseCheckpoint(text)).toBeUndefined();
    },
  );
});

describe('the file of checkpoints', () => {
  let dir: string;
  let file: CheckpointFile;
  const numbered = (number: number): Checkpoint => makeCheckpoint({ ...seal, number }, 'agentos-1', key);
  const numbers = async (): Promise<number[]> => {
    const found: number[] = [];
    for await (const one of file.all()) found.push(one.number);
    return found;
  };

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'checkpoints-'));
    file = new CheckpointFile(join(dir, 'new/folder/checkpoints.log'));
  });
  afterEach(() => rm(dir, { recursive: true }));

  it('is empty before there is one', async () => {
    expect(await file.latest()).toBeUndefined();
    expect(await numbers()).toEqual([]);
  });

  it('keeps all, and knows the newest, also when somebody slow wrote an older one after it', async () => {
    for (const number of [1, 2, 3, 2]) await file.append(numbered(number));
    expect((await file.latest())?.number).toBe(3);
    expect(await numbers()).toEqual([1, 2, 3, 2]);
  });

  it('goes on after a line that was cut off', async () => {
    await file.append(numbered(1));
    await file.append(numbered(2));
    const { length } = await readFile(file.path);
    await truncate(file.path, length - 20);
    expect((await file.latest())?.number).toBe(1);
    await file.append(numbered(2));
    await file.append(numbered(3));
    expect(await numbers()).toEqual([1, 2, 3]);
  });

  it('finds the newest in a long file without reading it all', async () => {
    for (let number = 1; number <= 10; number++) await file.append(numbered(number));
    await appendFile(file.path, `${'x'.repeat(60_000)}\n`);
    expect((await file.latest())?.number).toBe(10);
  });

  it('finds the newest however much stands behind it that says nothing', async () => {
    for (const number of [1, 3, 2]) await file.append(numbered(number));
    await appendFile(file.path, Buffer.alloc(200_000));
    expect((await file.latest())?.number).toBe(3);
    await file.append(numbered(4));
    expect(await numbers()).toEqual([1, 3, 2, 4]);
  });
});
