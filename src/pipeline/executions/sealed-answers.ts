import { Inject, Injectable } from '@nestjs/common';
import { MASK } from '../../platform/security/scrub';
import { SigningKeys } from '../../platform/security/signing-keys';
import { isSealed, SubjectCipher } from '../../platform/security/subject-cipher';
import type { Run } from '../run';
import type { Outcome } from './execution';

const FIELD = 'answer';
/** What every answer that is kept as it is begins with. */
const JSON_BEGIN = '{'.charCodeAt(0);

/**
 * Keeps answers that are for their caller alone, such as one with a ticket, so that a replay has them byte for byte and
 * whoever reads the table has not: sealed with a key of the installation.
 */
@Injectable()
export class SealedAnswers {
  constructor(@Inject(SigningKeys) private readonly keys: SigningKeys) {}

  /** The outcome as it may be stored. */
  kept(run: Run, executionId: string, outcome: Outcome): Outcome {
    const { secretFields } = run.entry;
    if (secretFields === undefined || outcome.body === null) return outcome;
    return {
      ...outcome,
      body: this.cipherOf(executionId).seal(FIELD, outcome.body.toString()),
      result: masked(outcome.result, secretFields),
    };
  }

  /** A stored answer as it was sent. @throws if it was sealed by another installation, or changed */
  opened(executionId: string, stored: Buffer): Buffer {
    if (stored[0] === JSON_BEGIN || !isSealed(stored.toString())) return stored;
    const text = this.cipherOf(executionId).open(FIELD, stored.toString());
    if (text === undefined) throw new Error(`The stored answer of ${executionId} cannot be opened`);
    return Buffer.from(text);
  }

  private cipherOf(executionId: string): SubjectCipher {
    return new SubjectCipher(this.keys.secret('stored answers'), executionId);
  }
}

function masked(result: unknown, fields: readonly string[]): unknown {
  if (typeof result !== 'object' || result === null) return result;
  return Object.fromEntries(
    Object.entries(result).map(([name, value]) => [name, fields.includes(name) ? MASK : (value as unknown)]),
  );
}
