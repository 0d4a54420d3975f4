import { ValidateIf, type ValidationOptions } from 'class-validator';
import type { CommandClass } from './action.decorator';

const RECORDED = Symbol('agentos:recorded');

/**
 * The field may be left out. Unlike class-validator's IsOptional it does not let null through, which
 * would override a default.
 */
export function MayBeAbsent(options?: ValidationOptions): PropertyDecorator {
  return ValidateIf((_command, value) => value !== undefined, options);
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

/** The fields of a command that are marked as {@link Recorded}. */
export function recordedFields(command: CommandClass): Set<string> {
  return new Set((Reflect.getMetadata(RECORDED, command.prototype as object) ?? []) as string[]);
}
