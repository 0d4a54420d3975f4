const CATEGORY = Symbol('agentos:category');

/** The categories of actions; each is a Nest module. */
export const CATEGORIES = [
  'jobs',
  'queue',
  'workers',
  'system',
  'services',
  'database',
  'config',
  'logs',
  'managers',
] as const;
export type CategoryName = (typeof CATEGORIES)[number];

/** Says which category the actions among a module's providers belong to. */
export function Category(name: CategoryName): ClassDecorator {
  return (target) => Reflect.defineMetadata(CATEGORY, name, target);
}

/** The category that a module stands for; undefined if it is none. */
export function categoryOf(module: object): CategoryName | undefined {
  return Reflect.getOwnMetadata(CATEGORY, module) as CategoryName | undefined;
}
