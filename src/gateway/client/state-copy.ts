import { sha256 } from '@noble/hashes/sha2';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils';
import canonicalize from 'canonicalize';
import { applyPatch } from 'rfc6902';
import type { EventFrame, SnapshotFrame, StateChange } from '../protocol';

/** The hash that the gateway names a state by: SHA-256 of its canonical form (RFC 8785), in hexadecimal. */
export function hashOfState(state: unknown): string {
  return bytesToHex(sha256(utf8ToBytes(canonicalize(state) ?? '')));
}

/** The client's copy of a topic's state, moved on by snapshots and patches. */
export class StateCopy {
  /** A patch can replace all of the state, which needs something around it. */
  private readonly holder: { state?: unknown } = {};
  private expected: string | undefined;

  /** The state; undefined before the first. It is changed in place by what comes next. */
  get value(): unknown {
    return this.holder.state;
  }

  /** Takes a snapshot over. */
  take({ data, hash }: SnapshotFrame): void {
    this.holder.state = data;
    this.expected = hash;
  }

  /** Moves on by an event. @returns false if its patch does not fit this state */
  move({ data }: EventFrame): boolean {
    const { patch, hash } = data as StateChange;
    const inHolder = patch.map((operation) => ({ ...operation, path: `/state${operation.path}` }));
    // Replacing what is not there yet is no error: it is how the first state comes.
    this.holder.state ??= null;
    this.expected = hash;
    return applyPatch(this.holder, inHolder).every((error) => error === null);
  }

  /** Whether the state has the hash that the gateway named last. */
  get isTrue(): boolean {
    return hashOfState(this.holder.state) === this.expected;
  }
}
