import { Inject, Injectable, Logger, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  hkdfSync,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { link, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENV, type Env } from '../settings/env';

const SECRET_FILE = 'secret.bin';
const SECRET_BYTES = 32;
const SIGNING_FILE = 'jwt-0001.pem';
/** How often each process looks for keys that have come or gone, in milliseconds. */
const POLL_MS = 1_000;
/** For so long a new key only verifies, in milliseconds: by then every process has read it. */
export const SETTLE_MS = 10_000;

/** What is wrong when files cannot be looked at for the moment, and says nothing about the files. */
const AWAY = new Set(['EIO', 'ESTALE', 'ETIMEDOUT', 'EMFILE', 'ENFILE']);

/** An Ed25519 key pair; `kid` is derived from the public key. */
export interface SigningKey {
  kid: string;
  privateKey: KeyObject;
  publicKey: KeyObject;
}

interface HeldKey extends SigningKey {
  name: string;
  /** When its file was made, in milliseconds since 1970. */
  madeAt: number;
  /** Another one if the file was replaced. */
  stamp: string;
}

/**
 * The installation's keys, from files in KEYS_DIR that all its processes share: `jwt-*.pem` (Ed25519, PKCS 8; the
 * one that sorts last signs once it is {@link SETTLE_MS} old, all verify) and `secret.bin`, from which HMAC keys are
 * derived. What is missing is made, once, whichever process comes first. Keys that come, go or are replaced while a
 * process runs are noticed within a second; one that cannot be read is left out then, though a process does not start
 * with one.
 */
@Injectable()
export class SigningKeys implements OnModuleInit, OnApplicationShutdown {
  private readonly log = new Logger(SigningKeys.name);
  private readonly listeners = new Set<(key: SigningKey) => void>();
  /** Oldest first. */
  private keys: HeldKey[] = [];
  private byKid = new Map<string, HeldKey>();
  private master = Buffer.alloc(0);
  private timer?: NodeJS.Timeout;
  private readAt = 0;
  private reading?: Promise<void>;
  /** What was told last of those that cannot be read. */
  private told = '';

  constructor(@Inject(ENV) private readonly env: Env) {}

  /** Reads the keys, or makes them. @throws if one of them cannot be read, or the secret is not whole */
  async onModuleInit(): Promise<void> {
    const dir = this.env.keysDir;
    await mkdir(dir, { recursive: true, mode: 0o700 });
    await createOnce(join(dir, SECRET_FILE), () => randomBytes(SECRET_BYTES));
    if ((await pemFiles(dir)).length === 0) await createOnce(join(dir, SIGNING_FILE), newKeyFile);
    this.master = await readFile(join(dir, SECRET_FILE));
    if (this.master.length < SECRET_BYTES)
      throw new Error(
        `${SECRET_FILE} holds less than ${SECRET_BYTES} bytes: put it back from a backup of the keys`,
      );
    const [broken] = await this.read();
    if (broken !== undefined) throw new Error(`A signing key cannot be read: ${broken}`);
    this.timer = setInterval(() => void this.poll(), POLL_MS);
    this.timer.unref();
  }

  onApplicationShutdown(): void {
    clearInterval(this.timer);
  }

  /** The key that signs new tokens: the newest of those that every process has had the time to read. */
  signing(): SigningKey {
    const settledBefore = Date.now() - SETTLE_MS;
    const key = this.keys.findLast(({ madeAt }) => madeAt <= settledBefore) ?? this.keys[0];
    if (!key) throw new Error('There is no signing key');
    return key;
  }

  /** The key of that id, to verify with; undefined if there is none. */
  find(kid: string): SigningKey | undefined {
    return this.byKid.get(kid);
  }

  /**
   * The same, after looking for new files if there is none. However many ask for keys that do not exist, the files
   * are looked at once a second.
   */
  async lookUp(kid: string): Promise<SigningKey | undefined> {
    const due = this.reading !== undefined || performance.now() - this.readAt >= POLL_MS;
    if (!this.byKid.has(kid) && due) await this.poll();
    return this.byKid.get(kid);
  }

  /** Calls `listener` for each key that comes while the process runs; the answer ends that. */
  onNewKey(listener: (key: SigningKey) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** Whether the installation's secret has been read, and {@link secret} may be asked. */
  get ready(): boolean {
    return this.master.length > 0;
  }

  /**
   * A 32-byte HMAC key for one purpose, derived by HKDF (RFC 5869) from the installation's secret.
   *
   * @throws if that has not been read yet: of nothing, everybody could derive the same
   */
  secret(purpose: string): Buffer {
    if (!this.ready) throw new Error(`The secret for ${purpose} was asked for before it has been read`);
    return Buffer.from(hkdfSync('sha256', this.master, Buffer.alloc(0), `agentos ${purpose}`, 32));
  }

  private poll(): Promise<void> {
    this.reading ??= this.read().then(
      (broken) => this.report(broken),
      (error: Error) => this.report([error.message]),
    );
    return this.reading.finally(() => (this.reading = undefined));
  }

  /** @returns why files could not be read; what they held before, if anything, is not used any more */
  private async read(): Promise<string[]> {
    this.readAt = performance.now();
    const names = await pemFiles(this.env.keysDir);
    const held = new Map(this.keys.map((key) => [key.name, key]));
    const found = await Promise.allSettled(names.map((name) => this.load(name, held.get(name))));
    const [before, running] = [this.byKid, this.timer !== undefined];
    this.keys = found.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    this.byKid = new Map(this.keys.map((key) => [key.kid, key]));
    if (running)
      for (const key of this.keys)
        if (!before.has(key.kid)) for (const listener of this.listeners) listener(key);
    return found.flatMap((one) => (one.status === 'rejected' ? [(one.reason as Error).message] : []));
  }

  /** Each second until it is mended: once is enough to be told, of the same ones. */
  private report(broken: readonly string[]): void {
    const what = broken.join('; ');
    if (what !== '' && what !== this.told) this.log.error(`Signing keys cannot be read: ${what}`);
    this.told = what;
  }

  /** @param held what was read of the file before, which is good as long as it is the same file */
  private async load(name: string, held?: HeldKey): Promise<HeldKey> {
    const path = join(this.env.keysDir, name);
    try {
      // Before it is read: what replaces it meanwhile is noticed the next time.
      const { ino, size, mtimeMs } = await stat(path);
      const stamp = [ino, size, mtimeMs].join();
      return held?.stamp === stamp ? held : { ...(await readKey(path)), name, madeAt: mtimeMs, stamp };
    } catch (error) {
      // A folder that is shared over a network may not answer for a moment, which takes no key away.
      if (held && AWAY.has((error as NodeJS.ErrnoException).code ?? '')) return held;
      throw new Error(`${name}: ${(error as Error).message}`, { cause: error });
    }
  }
}

/** The names of the files with keys that sign tokens, oldest first. */
export async function pemFiles(dir: string): Promise<string[]> {
  return (await readdir(dir)).filter((name) => /^jwt-.*\.pem$/.test(name)).sort();
}

/** The contents of a file with a new key. */
export function newKeyFile(): Buffer {
  return Buffer.from(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' }));
}

/** Reads an Ed25519 key pair. @throws if it is not a private key in PEM */
export async function readKey(path: string): Promise<SigningKey> {
  const privateKey = createPrivateKey(await readFile(path));
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('is not an Ed25519 key');
  const publicKey = createPublicKey(privateKey);
  return { kid: keyIdOf(publicKey), privateKey, publicKey };
}

/** The id of a key: the beginning of the SHA-256 of its public half. */
export function keyIdOf(publicKey: KeyObject): string {
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return createHash('sha256').update(der).digest('base64url').slice(0, 16);
}

/** Writes a private file unless it exists. A reader sees all of it or nothing, and of two writers one wins. */
export async function createOnce(path: string, make: () => Buffer): Promise<boolean> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(temporary, make(), { mode: 0o600 });
  try {
    await link(temporary, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return false;
  } finally {
    await rm(temporary, { force: true });
  }
}
