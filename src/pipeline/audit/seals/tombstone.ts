import { type KeyObject, sign, verify } from 'node:crypto';
import { canonicalJson } from '../../../platform/security/canonical-json';
import type { SealingKey } from './seal';

/** What a tombstone vouches for: that seals and their entries were given up because their time was over. */
export interface TombstoneBody {
  /** One more than `to_seal` of the tombstone before; 1 for the first. */
  readonly from_seal: number;
  readonly to_seal: number;
  /** The numbers of their entries, both inclusive. */
  readonly from_seq: number;
  readonly to_seq: number;
  /** How many entries there were. */
  readonly entries: number;
  /** The hash of the seal before `from_seal`; zeros for the first. */
  readonly prev: Buffer;
  /** The hash of `to_seal`: the next seal names it as the one before. */
  readonly hash: Buffer;
  /** How long entries were kept by the settings of that moment. */
  readonly keep_days: number;
  /** In UTC with microseconds. */
  readonly retired_at: string;
  /** Names the key that signed it. */
  readonly key_id: string;
}

/** A tombstone as it is stored. */
export interface Tombstone extends TombstoneBody {
  /** Ed25519, over {@link tombstoneText}. */
  readonly signature: Buffer;
}

const VERSION = 'agentos-audit-tombstone/1';

/** What is signed: the canonical JSON (RFC 8785) of a version and all that the tombstone vouches for. */
export function tombstoneText(tombstone: TombstoneBody): string {
  const { from_seal, to_seal, from_seq, to_seq, entries, keep_days, retired_at, key_id } = tombstone;
  const [prev, hash] = [tombstone.prev.toString('hex'), tombstone.hash.toString('hex')];
  const said = { from_seal, to_seal, from_seq, to_seq, entries, prev, hash, keep_days, retired_at, key_id };
  return canonicalJson([VERSION, said]);
}

/** Signs a tombstone. */
export function makeTombstone(
  said: Omit<TombstoneBody, 'retired_at' | 'key_id'>,
  key: SealingKey,
  now: Date,
): Tombstone {
  const body = { ...said, retired_at: now.toISOString().replace('Z', '000Z'), key_id: key.kid };
  return { ...body, signature: sign(null, Buffer.from(tombstoneText(body)), key.privateKey) };
}

/** Whether the holder of the key has signed it. */
export function isTombstoneSignedBy(tombstone: Tombstone, publicKey: KeyObject): boolean {
  return verify(null, Buffer.from(tombstoneText(tombstone)), publicKey, tombstone.signature);
}
