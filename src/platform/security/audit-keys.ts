import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { createPublicKey, type KeyObject } from 'node:crypto';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ENV, type Env } from '../settings/env';
import { createOnce, keyIdOf, newKeyFile, readKey, type SigningKey } from './signing-keys';

const FIRST_KEY = 'audit-0001.pem';
const PRIVATE = /^audit-.*(?<!\.pub)\.pem$/;
const PUBLIC = /^audit-.*\.pub\.pem$/;

/** A key that audit seals are verified with. */
export interface VerifyingKey {
  readonly kid: string;
  readonly publicKey: KeyObject;
}

/**
 * The keys that seal the audit, Ed25519, from `audit-*.pem` (PKCS 8) in KEYS_DIR; the one that sorts last signs. The
 * public half of each stands beside it as `audit-*.pub.pem`: that is what an auditor is given, and what stays when an
 * old private key is taken away. Files are read anew each time, so a new key is in use with the next seal.
 */
@Injectable()
export class AuditKeys implements OnModuleInit {
  constructor(@Inject(ENV) private readonly env: Env) {}

  /** Makes the first key if there is none, and the public halves that are missing. */
  async onModuleInit(): Promise<void> {
    await mkdir(this.env.keysDir, { recursive: true, mode: 0o700 });
    if ((await this.files(PRIVATE)).length === 0) await createOnce(this.path(FIRST_KEY), newKeyFile);
    await this.exportPublic();
  }

  /** The key that signs the next seal. */
  async signing(): Promise<SigningKey> {
    const name = (await this.files(PRIVATE)).at(-1);
    if (name === undefined) throw new Error(`There is no audit key in ${this.env.keysDir}`);
    await this.exportPublic();
    return readKey(this.path(name));
  }

  /** All keys that a seal may have been signed with. */
  async verifying(): Promise<VerifyingKey[]> {
    return Promise.all((await this.files(PUBLIC)).map((name) => readPublicKey(this.path(name))));
  }

  private async exportPublic(): Promise<void> {
    const known = new Set(await this.files(PUBLIC));
    for (const name of await this.files(PRIVATE)) {
      const exported = name.replace(/\.pem$/, '.pub.pem');
      if (known.has(exported)) continue;
      const { publicKey } = await readKey(this.path(name));
      await createOnce(this.path(exported), () =>
        Buffer.from(publicKey.export({ type: 'spki', format: 'pem' })),
      );
    }
  }

  private async files(pattern: RegExp): Promise<string[]> {
    return (await readdir(this.env.keysDir)).filter((name) => pattern.test(name)).sort();
  }

  private path(name: string): string {
    return join(this.env.keysDir, name);
  }
}

/** Reads a public key in PEM. @throws if the file is not there, or holds something else than an Ed25519 key */
export async function readPublicKey(path: string): Promise<VerifyingKey> {
  const publicKey = createPublicKey(await readFile(path));
  if (publicKey.asymmetricKeyType !== 'ed25519') throw new Error(`${path} is not an Ed25519 key`);
  return { kid: keyIdOf(publicKey), publicKey };
}
