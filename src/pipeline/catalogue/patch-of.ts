import type { Type } from '@nestjs/common';
import { getMetadataStorage, ValidateBy } from 'class-validator';
import { isPlain } from '../../platform/settings/patch';
import { RECORD_OF, type RecordRule } from '../../platform/settings/records';
import { nestedType } from './fields';

/** The name of the rule in class-validator's metadata; its one constraint is the class. */
export const PATCH_OF = 'patchOf';

/**
 * The field is a part of a class' fields, at any depth, to be merged into one that exists; null takes a value back.
 * Checked here is its form only: whether the whole is valid shows when it has been merged.
 */
export function IsPatchOf(type: Type): PropertyDecorator {
  return ValidateBy({
    name: PATCH_OF,
    constraints: [type],
    validator: {
      validate: isPlain,
      defaultMessage: () => '$property must be an object',
    },
  });
}

/** The classes of which fields of a command are parts, and those that these are made of. */
export function patchedTypes(command: Type): Type[] {
  return rulesOf(command)
    .filter((rule) => rule.name === PATCH_OF)
    .flatMap((rule) => withNested((rule.constraints as [Type])[0]));
}

function withNested(type: Type): Type[] {
  const nested = rulesOf(type).flatMap(({ name, type: kind, propertyName, constraints }) => {
    if (kind === 'nestedValidation') return nestedType(type, propertyName) ?? [];
    if (name !== RECORD_OF) return [];
    const { values } = (constraints as [RecordRule])[0];
    return 'of' in values ? values.of : [];
  });
  return [type, ...nested.flatMap(withNested)];
}

function rulesOf(type: Type) {
  return getMetadataStorage().getTargetValidationMetadatas(type, '', false, false);
}
