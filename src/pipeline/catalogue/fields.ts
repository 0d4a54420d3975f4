import type { Type } from '@nestjs/common';
import { TransformationType } from 'class-transformer';
import { defaultMetadataStorage } from 'class-transformer/cjs/storage';
import { getMetadataStorage, ValidateBy, ValidateIf, type ValidationOptions } from 'class-validator';

/** The name of the rule in class-validator's metadata; its one constraint is the other field. */
export const INSTEAD_OF = 'insteadOf';
/** The name of the rule of HasAnyBesides. */
export const HAS_ANY_BESIDES = 'hasAnyBesides';

const RECORDED = Symbol('agentos:recorded');

/** What was found out about classes, which do not change once they are there, and are asked about by every request. */
const recordedOf = new WeakMap<Type, ReadonlySet<string>>();
const mappedOf = new WeakMap<Type, boolean>();
const namesOf = new WeakMap<Type, ReadonlySet<string>>();

/**
 * The field may be left out. Unlike class-validator's IsOptional it does not let null through, which
 * would override a default.
 */
export function MayBeAbsent(options?: ValidationOptions): PropertyDecorator {
  return ValidateIf((_command, value) => value !== undefined, options);
}

/** The field is given instead of the other one, which the rules of that demand where this is absent: one of the two. */
export function InsteadOf(other: string): PropertyDecorator {
  return ValidateBy({
    name: INSTEAD_OF,
    constraints: [other],
    validator: {
      validate: (_value, of) => (of?.object as Record<string, unknown> | undefined)?.[other] === undefined,
      defaultMessage: () => `$property must not be given together with ${other}`,
    },
  });
}

/** The object must say something else besides this, so that an empty one does not mean everything. */
export function HasAnyBesides(field: string): PropertyDecorator {
  return ValidateBy({
    name: HAS_ANY_BESIDES,
    constraints: [field],
    validator: {
      validate: (value: unknown) =>
        typeof value === 'object' &&
        value !== null &&
        Object.entries(value).some(([name, given]) => name !== field && given !== undefined),
      defaultMessage: () => `$property must have at least one condition besides ${field}`,
    },
  });
}

/**
 * The field's value may stand in the audit, scrubbed of secrets and personal data like everything there.
 * What is not marked is masked: a field that nobody thought about must not leak.
 */
export function Recorded(): PropertyDecorator {
  return (target, property) => {
    const fields = (Reflect.getMetadata(RECORDED, target) ?? []) as string[];
    Reflect.defineMetadata(RECORDED, [...fields, String(property)], target);
  };
}

/** The fields of a command, or of a class nested in one, that are marked as {@link Recorded}. */
export function recordedFields(type: Type): ReadonlySet<string> {
  return remembered(recordedOf, type, () => {
    return new Set((Reflect.getMetadata(RECORDED, type.prototype as object) ?? []) as string[]);
  });
}

/** The names of the fields that a command, or a class nested in one, takes. */
export function fieldNames(type: Type): ReadonlySet<string> {
  return remembered(namesOf, type, () => {
    const metadata = getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
    return new Set(metadata.map((one) => one.propertyName));
  });
}

/** Whether class-transformer has been told something about the fields of a class. */
export function isMapped(type: Type): boolean {
  return remembered(mappedOf, type, () => {
    const storage = defaultMetadataStorage;
    return (
      storage.getStrategy(type) !== 'none' ||
      storage.getExposedMetadatas(type).length > 0 ||
      storage.getExcludedMetadatas(type).length > 0 ||
      [...fieldNames(type)].some(
        (name) =>
          storage.findTypeMetadata(type, name) !== undefined ||
          storage.findTransformMetadatas(type, name, TransformationType.PLAIN_TO_CLASS).length > 0,
      )
    );
  });
}

/** The class that a field's value, or each of its items, is made of by `@Type`; undefined for plain values. */
export function nestedType(type: Type, name: string): Type | undefined {
  return defaultMetadataStorage.findTypeMetadata(type, name)?.typeFunction() as Type | undefined;
}

function remembered<T>(known: WeakMap<Type, T>, type: Type, find: () => T): T {
  const old = known.get(type);
  if (old !== undefined) return old;
  const found = find();
  known.set(type, found);
  return found;
}
