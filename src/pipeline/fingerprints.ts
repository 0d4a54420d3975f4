import { Inject, Injectable } from '@nestjs/common';
import { createHmac } from 'node:crypto';
import { canonicalJson, fingerprint } from '../platform/security/canonical-json';
import { isSecretKey } from '../platform/security/secret-keys';
import { SigningKeys } from '../platform/security/signing-keys';

/** Tells whether two requests ask for the same. */
@Injectable()
export class Fingerprints {
  constructor(@Inject(SigningKeys) private readonly keys: SigningKeys) {}

  /**
   * SHA-256 of the canonical (RFC 8785) action and payload. Secrets go in under a key of the installation: the
   * fingerprint is stored, and a password could be guessed from a plain hash of it.
   */
  of(action: string, payload: unknown): Buffer {
    return fingerprint({ action, payload: this.withoutSecrets(payload) });
  }

  private withoutSecrets(payload: unknown): unknown {
    const entries = Object.entries(payload ?? {});
    if (!entries.some(([key]) => isSecretKey(key))) return payload;
    const secret = this.keys.secret('fingerprint');
    const keyed = (value: unknown) =>
      createHmac('sha256', secret)
        .update(canonicalJson(value ?? null))
        .digest('hex');
    return Object.fromEntries(entries.map(([key, value]) => [key, isSecretKey(key) ? keyed(value) : value]));
  }
}
