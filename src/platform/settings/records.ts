import { applyDecorators, type Type } from '@nestjs/common';
import { plainToInstance, Transform } from 'class-transformer';
import { ValidateBy, validateSync, type ValidationError } from 'class-validator';
import { isPlain } from './patch';
import { beginning } from '../text/cut';

/** What the entries of a record are: objects of a class, or lists of texts with at least one in each. */
export type RecordValues =
  | { readonly of: Type }
  /** Says what is wrong with a text; undefined if nothing is. */
  | { readonly listOf: (text: string) => string | undefined };

/** What a record may hold. */
export interface RecordRule {
  readonly keys: RegExp;
  readonly maxEntries: number;
  readonly values: RecordValues;
}

/** The name of the rule in class-validator's metadata; its one constraint is the {@link RecordRule}. */
export const RECORD_OF = 'recordOf';

/** An object whose keys are not known beforehand. Entries of a class are given the defaults of their class. */
export function IsRecordOf(rule: RecordRule): PropertyDecorator {
  return applyDecorators(
    Transform(({ value }: { value: unknown }) => withDefaults(value, rule.values)),
    ValidateBy({
      name: RECORD_OF,
      constraints: [rule],
      validator: {
        validate: (value) => faultsOf(value, rule).length === 0,
        defaultMessage: (args) => faultsOf(args?.value, rule).join('; '),
      },
    }),
  );
}

function withDefaults(record: unknown, values: RecordValues): unknown {
  if (!('of' in values) || !isPlain(record)) return record;
  return Object.fromEntries(
    Object.entries(record).map(([key, value]) => [
      key,
      isPlain(value) ? plainToInstance(values.of, value, { exposeDefaultValues: true }) : value,
    ]),
  );
}

function faultsOf(record: unknown, { keys, maxEntries, values }: RecordRule): string[] {
  if (!isPlain(record)) return ['must be an object'];
  const entries = Object.entries(record);
  if (entries.length > maxEntries) return [`must have at most ${maxEntries} entries`];
  return entries.flatMap(([key, value]) => {
    if (!keys.test(key)) return [`"${beginning(key, 100)}" is not a key that fits ${keys.source}`];
    const faults = 'of' in values ? objectFaults(value) : listFaults(value, values.listOf, maxEntries);
    return faults.map((fault) => `"${key}": ${fault}`);
  });
}

function objectFaults(value: unknown): string[] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return ['must be an object'];
  const errors = validateSync(value, { whitelist: true, forbidNonWhitelisted: true });
  return errors.flatMap((error: ValidationError) => Object.values(error.constraints ?? {}));
}

function listFaults(value: unknown, wrong: (text: string) => string | undefined, maxItems: number): string[] {
  if (!Array.isArray(value) || value.length > maxItems) return [`must be a list of at most ${maxItems}`];
  if (value.length === 0) return ['must not be empty: leave the entry out instead'];
  return value.flatMap((item: unknown) => {
    if (typeof item !== 'string') return ['must be a list of texts'];
    return wrong(item) ?? [];
  });
}
