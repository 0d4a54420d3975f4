import { useContainer } from 'class-validator';

/** Instances of the classes that class-validator makes of rules, by class. */
const instances = new WeakMap<object, unknown>();

/**
 * Has class-validator find the instance of a rule by its class. Each use of a decorator is a class of its own, more than
 * a thousand in all, and unless told otherwise it looks through a list of them for each rule of each value it checks.
 */
export function findConstraintsByClass(): void {
  useContainer({
    get(type: new () => unknown) {
      let instance = instances.get(type);
      if (!instance) instances.set(type, (instance = new type()));
      return instance;
    },
  });
}
