import { Inject, Injectable } from '@nestjs/common';
import { isSealed, type SubjectCipher } from '../../../platform/security/subject-cipher';
import type { AuditEntry } from '../audit-entry';
import { SubjectKeys } from './subject-keys';

/** The columns of an entry that are about the person who acted. */
const PERSONAL = ['ip', 'user_agent', 'reason'] as const;
type PersonalField = (typeof PERSONAL)[number];

/** What readers see in place of what was sealed with a key that is destroyed. */
export const ERASED = '[erased]';

/** An entry, or what of one is needed here. */
type Personal = Pick<AuditEntry, 'actor_id' | 'phase' | PersonalField>;

/**
 * Seals what is personal in entries before they are written, and opens it for readers. What is hashed, sealed in the
 * audit and exported for verification is the sealed form, so an audit stays intact when a person is erased.
 *
 * Without an actor there is nobody to erase. The reason of a security event is a sentence of the product, not theirs.
 */
@Injectable()
export class PersonalFields {
  constructor(@Inject(SubjectKeys) private readonly keys: SubjectKeys) {}

  /** The entry as it is to be written. At once, if the key is at hand, as it is for all but somebody's first. */
  seal<T extends Personal>(entry: T): T | Promise<T> {
    const { actor_id: subject } = entry;
    if (subject === null || PERSONAL.every((field) => entry[field] === null)) return entry;
    const held = this.keys.held(subject);
    return held === undefined
      ? this.keys.obtain(subject).then((cipher) => sealed(entry, cipher))
      : sealed(entry, held);
  }

  /** The entries as people may read them. */
  async open<T extends Personal>(entries: readonly T[]): Promise<T[]> {
    const subjects = entries.filter(hasSealed).map(({ actor_id }) => actor_id);
    if (subjects.length === 0) return [...entries];
    const known = await this.keys.find([...new Set(subjects.filter((id) => id !== null))]);
    return entries.map((entry) => opened(entry, known.get(entry.actor_id ?? '')));
  }

  /** All forms in which a text may stand in a field: as it is, and sealed for each person. */
  async formsOf(field: PersonalField, text: string): Promise<string[]> {
    const forms = [text];
    for await (const ciphers of this.keys.all()) forms.push(...ciphers.map((one) => one.seal(field, text)));
    return forms;
  }
}

/** The fields of an entry that are sealed, as they are stored. */
export function sealedFields(entry: Personal): Partial<Record<PersonalField, string>> {
  // Without an actor nothing was sealed, whatever a stranger's program calls itself.
  if (entry.actor_id === null) return {};
  const found = PERSONAL.flatMap((field) => {
    const text = entry[field];
    return text !== null && isSealed(text) ? [[field, text]] : [];
  });
  return Object.fromEntries(found) as Partial<Record<PersonalField, string>>;
}

function sealed<T extends Personal>(entry: T, cipher: SubjectCipher | null): T {
  const change: Partial<Record<PersonalField, string | null>> = {};
  for (const field of PERSONAL) {
    const text = entry[field];
    if (text === null || (field === 'reason' && entry.phase === 'security')) continue;
    // Of somebody who was erased nothing new is kept either.
    change[field] = cipher && cipher.seal(field, text);
  }
  return { ...entry, ...change };
}

function opened<T extends Personal>(entry: T, cipher: SubjectCipher | undefined): T {
  const change: Partial<Record<PersonalField, string>> = {};
  for (const [field, text] of Object.entries(sealedFields(entry)) as [PersonalField, string][])
    change[field] = cipher?.open(field, text) ?? ERASED;
  return { ...entry, ...change };
}

function hasSealed(entry: Personal): boolean {
  return Object.keys(sealedFields(entry)).length > 0;
}
