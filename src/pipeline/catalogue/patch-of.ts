import type { Type } from '@nestjs/common';
import { getMetadataStorage, ValidateBy } from 'class-validator';
import { isPlain } from '../../platform/settings/patch';

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

/** The classes of which fields of a command are parts. */
export function patchedTypes(command: Type): Type[] {
  return getMetadataStorage()
    .getTargetValidationMetadatas(command, '', false, false)
    .filter((rule) => rule.name === PATCH_OF)
    .map((rule) => (rule.constraints as [Type])[0]);
}
