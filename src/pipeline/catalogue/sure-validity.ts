import type { Type } from '@nestjs/common';
import { getMetadataStorage, type ValidationArguments, ValidationTypes } from 'class-validator';

type Rules = ReturnType<ReturnType<typeof getMetadataStorage>['getTargetValidationMetadatas']>;
type Rule = Rules[number];

/** Whether a rule has nothing against a value. */
type Check = (object: object, value: unknown) => boolean;

/** The rules of one field: what says whether the others apply, and those. */
interface Field {
  readonly name: string;
  readonly conditions: readonly Check[];
  readonly checks: readonly Check[];
}

interface Compiled {
  readonly names: ReadonlySet<string>;
  readonly fields: readonly Field[];
}

/** Rules do not change once their class is there; null: class-validator has to be asked about this class. */
const compiled = new WeakMap<Type, Compiled | null>();

/**
 * Whether class-validator, told to forbid unknown fields, would certainly find nothing wrong with an instance. False
 * says nothing: it must be asked then, and says what is wrong. The rules are class-validator's own, looked up once for
 * each class; looking them up, through all classes that there are, is most of what each validation costs.
 */
export function isSurelyValid(instance: object): boolean {
  const rules = rulesOf(instance.constructor as Type);
  if (!rules) return false;
  for (const name in instance) if (Object.hasOwn(instance, name) && !rules.names.has(name)) return false;
  for (const { name, conditions, checks } of rules.fields) {
    const value = (instance as Record<string, unknown>)[name];
    if (conditions.every((applies) => applies(instance, value)))
      for (const check of checks) if (!check(instance, value)) return false;
  }
  return true;
}

function rulesOf(type: Type): Compiled | null {
  const known = compiled.get(type);
  if (known !== undefined) return known;
  const made = compile(type);
  compiled.set(type, made);
  return made;
}

function compile(type: Type): Compiled | null {
  const storage = getMetadataStorage();
  const rules = storage.getTargetValidationMetadatas(type, '', false, false);
  const grouped = Object.entries(storage.groupByPropertyName(rules));
  const fields = grouped.map(([name, ofField]) => ({
    name,
    conditions: ofField.filter(isCondition).map(condition),
    checks: ofField.filter((rule) => !isCondition(rule)).map(check),
  }));
  // One without rules is refused by class-validator as unknown.
  if (fields.length === 0) return null;
  return { names: new Set(grouped.map(([name]) => name)), fields };
}

function isCondition({ type }: Rule): boolean {
  return type === ValidationTypes.CONDITIONAL_VALIDATION;
}

function condition({ constraints }: Rule): Check {
  const [applies] = constraints as [Check];
  return (object, value) => applies(object, value);
}

function check(rule: Rule): Check {
  if (rule.type === ValidationTypes.WHITELIST) return () => true;
  // What is nested is left to class-validator, where there is something.
  if (rule.type === ValidationTypes.NESTED_VALIDATION) return (_object, value) => value === undefined;
  if (rule.type !== ValidationTypes.CUSTOM_VALIDATION && rule.type !== ValidationTypes.IS_DEFINED)
    return () => false;
  const { propertyName: property, constraints, each, validateIf } = rule;
  const validators = getMetadataStorage()
    .getTargetValidatorConstraints(rule.constraintCls)
    .map(({ instance }) => instance);
  return (object, value) => {
    if (validateIf && !validateIf(object, value)) return true;
    if (each && (value instanceof Set || value instanceof Map)) return false;
    const about = argumentsOf({ object, value, property, constraints: constraints as unknown[] });
    const items: readonly unknown[] = each && Array.isArray(value) ? value : [value];
    // One that answers later, with a promise, is not sure now.
    return validators.every((one) => items.every((item) => one.validate(item, about) === true));
  };
}

function argumentsOf(about: Omit<ValidationArguments, 'targetName'>): ValidationArguments {
  return { ...about, targetName: about.object.constructor.name };
}
