import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENV, type Env } from '../settings/env';

const SECRET_FILE = 'secret.bin';
const SIGNING_FILE = 'jwt-0001.pem';

/** An Ed25519 key pair; `kid` is derived from the public key. */
export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

/**
 * The installation's keys, from files in KEYS_DIR that all its processes share: `jwt-*.pem` (Ed25519, PKCS 8;
 * the one that sorts last signs, all verify) and `secret.bin`, from which HMAC keys are derived. What is
 * missing is made, once, whichever process comes first.
 */
@Injectable()
export class SigningKeys implements OnModuleInit {
  private keys: SigningKey[] = [];
  private master = Buffer.alloc(0);

  constructor(@Inject(ENV) private readonly env: Env) {}

  /** Reads the keys, or makes them. */
  async onModuleInit(): Promise<void> {
    const dir = this.env.keysDir;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await createOnce(join(dir, SECRET_FILE), () => randomBytes(32));
    if ((await pemFiles(dir)).length === 0) {
      await createOnce(join(dir, SIGNING_FILE), () =>
        Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })),
      );
    }
    this.master = await readFile(join(dir, SECRET_FILE));
    this.keys = await Promise.all((await pemFiles(dir)).map(async (name) => readKey(join(dir, name))));
  }

  /** The key that signs new tokens. */
  signing(): SigningKey {
    const key = this.keys.at(-1);
    if (!key) throw new Error('There is no signing key');
    return key;
  }

  /** The key of that id, to verify with; undefined if there is none. */
  find(kid: string): SigningKey | undefined {
    return this.keys.find((key) => key.kid === kid);
  }

  /** A 32-byte HMAC key for one purpose, derived by HKDF (RFC 5869) from the installation's secret. */
  secret(purpose: string): Buffer {
    return Buffer.from(hkdfSync('sha256', this.master, Buffer.alloc(0), `agentos ${purpose}`, 32));
  }
}

async function pemFiles(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => /^jwt-.*\.pem$/.test(name)).sort();
}

/** Reads an Ed25519 key pair. @throws if it is not a private key in PEM */
export async function readKey(path: string): Promise<SigningKey> {
  const privateKey = createPrivateKey(await readFile(path));
  const publicKey = createPublicKey(privateKey);
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return { kid: createHash('sha256').update(der).digest('base64url').slice(0, 16), privateKey, publicKey };
}

/** Writes a private file unless it exists. A reader sees all of it or nothing, and of two writers one wins. */
export async function createOnce(path: string, make: () => Buffer): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, make(), { mode: 0o600 });
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  } finally {
    await rm(temporary, { force: true });
  }
}
