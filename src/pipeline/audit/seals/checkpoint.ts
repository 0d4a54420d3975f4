import { type KeyObject, sign, verify } from 'node:crypto';
import { type Seal, sealHash, type SealingKey } from './seal';

/**
 * A statement that there was a seal, made to be kept where whoever rewrites the database cannot reach it. In the
 * manner of C2SP's tlog-checkpoint (origin, size, hash, signature), but on one line, so that it can be appended,
 * shipped and searched like a log.
 */
export interface Checkpoint {
  /** Names the installation. */
  readonly origin: string;
  /** Of the seal. */
  readonly number: number;
  /** The last entry that it vouches for. */
  readonly to_seq: number;
  /** The seal's hash, which through `prev` stands for all seals before it. */
  readonly hash: Buffer;
  readonly sealed_at: string;
  readonly key_id: string;
  /** Ed25519, over the line up to it. */
  readonly signature: Buffer;
}

const VERSION = 'agentos-audit-checkpoint/1';
const LINE =
  /^agentos-audit-checkpoint\/1 (\S+) ([1-9]\d{0,15}) ([1-9]\d{0,15}) ([A-Za-z0-9+/]{43}=) (\S+) (\S+) ([A-Za-z0-9+/]{86}==)$/;

/** The checkpoint of a seal. */
export function makeCheckpoint(seal: Seal, origin: string, key: SealingKey): Checkpoint {
  const { number, to_seq, sealed_at } = seal;
  const said = { origin, number, to_seq, hash: sealHash(seal), sealed_at, key_id: key.kid };
  return { ...said, signature: sign(null, Buffer.from(signedText(said)), key.privateKey) };
}

/** Its line, with the line's end. */
export function checkpointLine(checkpoint: Checkpoint): string {
  return `${signedText(checkpoint)}${checkpoint.signature.toString('base64')}\n`;
}

/** The checkpoint on a line without its end; undefined if there is none, as on one that was cut off. */
export function parseCheckpoint(line: string): Checkpoint | undefined {
  const match = LINE.exec(line);
  if (!match) return undefined;
  const [, origin = '', number, toSeq, hash = '', sealedAt = '', keyId = '', signature = ''] = match;
  return {
    origin,
    number: Number(number),
    to_seq: Number(toSeq),
    hash: Buffer.from(hash, 'base64'),
    sealed_at: sealedAt,
    key_id: keyId,
    signature: Buffer.from(signature, 'base64'),
  };
}

/** Whether the holder of the key has signed it. */
export function isCheckpointSignedBy(checkpoint: Checkpoint, publicKey: KeyObject): boolean {
  return verify(null, Buffer.from(signedText(checkpoint)), publicKey, checkpoint.signature);
}

function signedText(said: Omit<Checkpoint, 'signature'>): string {
  const { origin, number, to_seq, hash, sealed_at, key_id } = said;
  return `${VERSION} ${origin} ${number} ${to_seq} ${hash.toString('base64')} ${sealed_at} ${key_id} `;
}
