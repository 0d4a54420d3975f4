import { createCipheriv, createDecipheriv, createHmac, hkdfSync, randomBytes } from 'node:crypto';

/** Bytes of a subject's key. */
export const SUBJECT_KEY_BYTES = 32;

const PREFIX = 'sealed:1:';
const [NONCE_BYTES, TAG_BYTES] = [12, 16];
/** Texts whose sealed form is remembered: somebody comes from few addresses, with few programs. */
const REMEMBERED = 64;
/** Longer texts are not worth the memory. */
const REMEMBERED_LENGTH = 600;

/**
 * Seals what is personal of one subject, with a key that is theirs alone: who destroys the key has erased all of it,
 * wherever it stands. AES-256-GCM, with a nonce that is the HMAC of the text (as SIV modes have it): the same text of
 * the same field and subject has the same form, so that it can be looked for and need not be sealed again; that it is
 * the same is all that is to be seen.
 */
export class SubjectCipher {
  private readonly cipherKey: Buffer;
  private readonly nonceKey: Buffer;
  private readonly remembered = new Map<string, string>();

  /** @param key of {@link SUBJECT_KEY_BYTES}, random */
  constructor(
    key: Buffer,
    private readonly subject: string,
  ) {
    this.cipherKey = derived(key, 'cipher');
    this.nonceKey = derived(key, 'nonce');
  }

  /** The sealed form: `sealed:1:` and base64url of nonce, ciphertext and tag. */
  seal(field: string, text: string): string {
    const known = this.remembered.get(`${field}\n${text}`);
    return known ?? this.sealNew(field, text);
  }

  /** The text; undefined if this is not of this subject and field, or was changed. */
  open(field: string, sealed: string): string | undefined {
    const bytes = Buffer.from(sealed.slice(PREFIX.length), 'base64url');
    if (!isSealed(sealed) || bytes.length < NONCE_BYTES + TAG_BYTES) return undefined;
    const decipher = createDecipheriv('aes-256-gcm', this.cipherKey, bytes.subarray(0, NONCE_BYTES));
    decipher.setAAD(this.contextOf(field)).setAuthTag(bytes.subarray(-TAG_BYTES));
    try {
      const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
      return Buffer.concat([text, decipher.final()]).toString('utf8');
    } catch {
      // The tag does not fit, and that is all there is to say of it.
      return undefined;
    }
  }

  private sealNew(field: string, text: string): string {
    const context = this.contextOf(field);
    const nonce = createHmac('sha256', this.nonceKey).update(context).update(text).digest();
    const cipher = createCipheriv('aes-256-gcm', this.cipherKey, nonce.subarray(0, NONCE_BYTES));
    cipher.setAAD(context);
    const body = [cipher.update(text, 'utf8'), cipher.final()];
    const bytes = Buffer.concat([nonce.subarray(0, NONCE_BYTES), ...body, cipher.getAuthTag()]);
    const sealed = `${PREFIX}${bytes.toString('base64url')}`;
    if (text.length <= REMEMBERED_LENGTH) {
      if (this.remembered.size >= REMEMBERED) this.remembered.clear();
      this.remembered.set(`${field}\n${text}`, sealed);
    }
    return sealed;
  }

  private contextOf(field: string): Buffer {
    return Buffer.from(`${this.subject}\n${field}\n`);
  }
}

/** Whether a text is the sealed form of another one. */
export function isSealed(text: string): boolean {
  return text.startsWith(PREFIX);
}

/** A subject's key as it may be stored: under the installation's key. */
export function wrapKey(key: Buffer, subject: string, wrappingKey: Buffer): Buffer {
  const nonce = randomBytes(NONCE_BYTES);
  const cipher = createCipheriv('aes-256-gcm', wrappingKey, nonce).setAAD(Buffer.from(subject));
  return Buffer.concat([nonce, cipher.update(key), cipher.final(), cipher.getAuthTag()]);
}

/** The key that was wrapped. @throws if it is another subject's, another installation's, or was changed */
export function unwrapKey(wrapped: Buffer, subject: string, wrappingKey: Buffer): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', wrappingKey, wrapped.subarray(0, NONCE_BYTES));
  decipher.setAAD(Buffer.from(subject)).setAuthTag(wrapped.subarray(-TAG_BYTES));
  return Buffer.concat([decipher.update(wrapped.subarray(NONCE_BYTES, -TAG_BYTES)), decipher.final()]);
}

function derived(key: Buffer, purpose: string): Buffer {
  return Buffer.from(hkdfSync('sha256', key, Buffer.alloc(0), `agentos subject ${purpose}`, 32));
}
