import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadEnv } from '../settings/env';
import { AuditKeys, readPublicKey } from './audit-keys';

describe('the keys of the audit', () => {
  let dir: string;
  const start = async (): Promise<AuditKeys> => {
    const keys = new AuditKeys(loadEnv({ KEYS_DIR: dir }));
    await keys.onModuleInit();
    return keys;
  };

  beforeEach(async () => (dir = await mkdtemp(join(tmpdir(), 'audit-keys-'))));
  afterEach(() => rm(dir, { recursive: true }));

  it('are made once, whichever process comes first', async () => {
    const all = await Promise.all([start(), start(), start()]);
    const kids = await Promise.all(all.map(async (keys) => (await keys.signing()).kid));
    expect(new Set(kids).size).toBe(1);
    expect((await readdir(dir)).sort()).toEqual(['audit-0001.pem', 'audit-0001.pub.pem']);
  });

  it('are rotated by adding a file: it signs at once, and the old one still verifies, also without its private half', async () => {
    const keys = await start();
    const old = await keys.signing();
    const { privateKey } = generateKeyPairSync('ed25519');
    await writeFile(join(dir, 'audit-0002.pem'), privateKey.export({ type: 'pkcs8', format: 'pem' }));
    const signing = await keys.signing();
    expect(signing.publicKey.equals(createPublicKey(privateKey))).toBe(true);
    await rm(join(dir, 'audit-0001.pem'));
    const verifying = await keys.verifying();
    expect(verifying.map((key) => key.kid)).toEqual([old.kid, signing.kid]);
  });

  it('are not those of tokens', async () => {
    await start();
    await writeFile(join(dir, 'jwt-0001.pem'), 'x');
    expect(await (await start()).verifying()).toHaveLength(1);
  });

  it('are Ed25519 and nothing else', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const path = join(dir, 'other.pub.pem');
    await writeFile(path, publicKey.export({ type: 'spki', format: 'pem' }));
    await expect(readPublicKey(path)).rejects.toThrow('Ed25519');
  });
});
