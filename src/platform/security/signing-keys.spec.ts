import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Env } from '../settings/env';
import { addKey, pruneKeys } from './key-rotation';
import { newKeyFile, SETTLE_MS, SigningKeys } from './signing-keys';

const RETIRED_S = 10 + 3_600 + 600;
const KID = 'AAAAAAAAAAAAAAAA';

let dir: string;
let clock = 0;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'agentos-keys-'));
  clock = 1_000_000;
  jest.spyOn(performance, 'now').mockImplementation(() => clock);
});
afterEach(() => {
  jest.restoreAllMocks();
  rmSync(dir, { recursive: true, force: true });
});

/**
 * Keys of a process; what it says as errors is kept in `errors`. Its seconds pass when a test says so, or it might look
 * while a file is half written.
 */
async function start() {
  const keys = new SigningKeys({ keysDir: dir } as Env);
  const errors: string[] = [];
  Object.assign(keys, { log: { error: (message: string) => errors.push(message) } });
  await keys.onModuleInit();
  keys.onApplicationShutdown();
  return { keys, errors };
}

const age = (name: string, seconds: number) => {
  const at = new Date(Date.now() - seconds * 1_000);
  return utimes(join(dir, name), at, at);
};
/** What the poll of each second does. */
const nextSecond = (keys: SigningKeys) => {
  clock += 1_000;
  return keys.lookUp(KID);
};

describe('signing keys', () => {
  it('are made once, and are the same in every process', async () => {
    const started = await Promise.all([start(), start(), start()]);
    expect(new Set(started.map(({ keys }) => keys.signing().kid)).size).toBe(1);
    expect(new Set(started.map(({ keys }) => keys.secret('x').toString('hex'))).size).toBe(1);
    expect((await readdir(dir)).sort()).toEqual(['jwt-0001.pem', 'secret.bin']);
  });

  it('keep a process from starting whose secret was cut off', async () => {
    await start();
    await writeFile(join(dir, 'secret.bin'), '');
    await expect(start()).rejects.toThrow(/secret\.bin holds less than 32 bytes/);
  });

  it('give no secret before they have been read', () => {
    expect(() => new SigningKeys({ keysDir: dir } as Env).secret('x')).toThrow(/before it has been read/);
  });

  it('that are new verify at once, and sign when every process has had the time to read them', async () => {
    const { keys } = await start();
    const old = keys.signing().kid;
    const { name, kid } = await addKey(dir);
    expect(keys.find(kid)).toBeUndefined();
    await nextSecond(keys);
    expect(keys.find(kid)?.kid).toBe(kid);
    expect(keys.signing().kid).toBe(old);
    jest.spyOn(Date, 'now').mockReturnValue(Date.now() + SETTLE_MS + 1_000);
    expect(keys.signing().kid).toBe(kid);
    expect(keys.find(old)?.kid).toBe(old);
    // So it is for a process that starts later, which goes by the age of the file.
    jest.spyOn(Date, 'now').mockRestore();
    expect((await start()).keys.signing().kid).toBe(old);
    await age(name, 11);
    expect((await start()).keys.signing().kid).toBe(kid);
  });

  it('are looked for when a token names one that is not known, but once a second', async () => {
    const { keys } = await start();
    await nextSecond(keys);
    const { kid } = await addKey(dir);
    expect(await Promise.all(Array.from({ length: 100 }, () => keys.lookUp(kid)))).toEqual(
      Array<undefined>(100).fill(undefined),
    );
    clock += 1_000;
    expect((await keys.lookUp(kid))?.kid).toBe(kid);
  });

  it('that come are told of, once each, and not those that were there at the start', async () => {
    const { keys } = await start();
    const told: string[] = [];
    const unfollow = keys.onNewKey((key) => told.push(key.kid));
    const { kid } = await addKey(dir);
    await nextSecond(keys);
    await nextSecond(keys);
    expect(told).toEqual([kid]);
    unfollow();
    await addKey(dir);
    await nextSecond(keys);
    expect(told).toEqual([kid]);
  });

  it('that are gone verify nothing any more', async () => {
    const { keys } = await start();
    const old = keys.signing().kid;
    const { kid } = await addKey(dir);
    await nextSecond(keys);
    await rm(join(dir, 'jwt-0001.pem'));
    await nextSecond(keys);
    expect(keys.find(old)).toBeUndefined();
    // The only one there is signs, however new it is.
    expect(keys.signing().kid).toBe(kid);
  });

  it('that come where there is none left are told of as well', async () => {
    const { keys } = await start();
    const told: string[] = [];
    keys.onNewKey((key) => told.push(key.kid));
    await rm(join(dir, 'jwt-0001.pem'));
    await nextSecond(keys);
    expect(() => keys.signing()).toThrow('no signing key');
    const { kid } = await addKey(dir);
    await nextSecond(keys);
    expect([keys.signing().kid, told]).toEqual([kid, [kid]]);
  });

  it('that are replaced under their names are told of, and what they were verifies nothing any more', async () => {
    const { keys } = await start();
    const old = keys.signing().kid;
    const told: string[] = [];
    keys.onNewKey((key) => told.push(key.kid));
    await writeFile(join(dir, 'jwt-0001.pem'), newKeyFile());
    await nextSecond(keys);
    const { kid } = keys.signing();
    expect(kid).not.toBe(old);
    expect([keys.find(old), keys.find(kid)?.kid]).toEqual([undefined, kid]);
    expect(told).toEqual([kid]);
    // The same key in another file is none to be told of.
    await rename(join(dir, 'jwt-0001.pem'), join(dir, 'jwt-0002.pem'));
    await nextSecond(keys);
    expect([keys.find(kid)?.kid, told]).toEqual([kid, [kid]]);
  });

  it('that cannot be read are left out while a process runs, and keep one from starting', async () => {
    const { keys, errors } = await start();
    const old = keys.signing().kid;
    await writeFile(join(dir, 'jwt-0002.pem'), 'not a key');
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey;
    await writeFile(join(dir, 'jwt-0003.pem'), rsa.export({ type: 'pkcs8', format: 'pem' }));
    const { kid } = await addKey(dir);
    await nextSecond(keys);
    expect([keys.find(old)?.kid, keys.find(kid)?.kid]).toEqual([old, kid]);
    const first = /jwt-0002\.pem: .*; jwt-0003\.pem: is not an Ed25519 key$/;
    await nextSecond(keys);
    expect(errors).toEqual([expect.stringMatching(first)]);
    await writeFile(join(dir, 'jwt-0005.pem'), 'not a key either');
    await nextSecond(keys);
    expect(errors).toEqual([
      expect.stringMatching(first),
      expect.stringMatching(/jwt-0002\.pem: .*; jwt-0003\.pem: .*; jwt-0005\.pem: /),
    ]);
    await expect(start()).rejects.toThrow(/A signing key cannot be read: jwt-0002\.pem/);
  });
});

describe('the rotation of keys', () => {
  it('gives each key a number of its own, also when two are made at once', async () => {
    const made = await Promise.all(Array.from({ length: 5 }, () => addKey(dir)));
    expect(made.map(({ name }) => name).sort()).toEqual([1, 2, 3, 4, 5].map((n) => `jwt-000${n}.pem`));
    expect(new Set(made.map(({ kid }) => kid)).size).toBe(5);
  });

  it('does not guess what comes after a name without a number', async () => {
    await writeFile(join(dir, 'jwt-mine.pem'), '');
    await expect(addKey(dir)).rejects.toThrow('jwt-mine.pem has no number');
  });

  it('removes a key when the last token of it has expired, and no sooner', async () => {
    for (let i = 0; i < 3; i++) await addKey(dir);
    await age('jwt-0001.pem', 100_000);
    await age('jwt-0002.pem', RETIRED_S + 5);
    await age('jwt-0003.pem', RETIRED_S - 60);
    const pruned = await pruneKeys(dir);
    expect(pruned.removed).toEqual(['jwt-0001.pem']);
    expect(pruned.waiting.map(({ name }) => name)).toEqual(['jwt-0002.pem']);
    expect(Math.abs((pruned.waiting[0]?.until.getTime() ?? 0) - Date.now() - 60_000)).toBeLessThan(10_000);
    expect((await readdir(dir)).sort()).toEqual(['jwt-0002.pem', 'jwt-0003.pem']);
  });

  it('never removes the newest one', async () => {
    await addKey(dir);
    await age('jwt-0001.pem', 100_000);
    expect(await pruneKeys(dir)).toEqual({ removed: [], waiting: [] });
  });
});
