import type { Type } from '@nestjs/common';
import { readdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { declarationOf, type CommandClass } from '../pipeline/catalogue/action.decorator';
import { catalogueFaults } from '../pipeline/catalogue/catalogue-checks';
import type { FoundHandler } from '../pipeline/catalogue/catalogue-entry';
import { categoryOf } from '../pipeline/catalogue/category.decorator';
import { fieldNames, nestedType, recordedFields } from '../pipeline/catalogue/fields';

/**
 * The fields whose values do not stand in the audit, because they are sensitive. One that is not here and not
 * marked with @Recorded() was forgotten.
 */
const MASKED_IN_THE_AUDIT: readonly string[] = ['config.add_user password', 'config.update_user password'];

const COMMAND_OF_HANDLER = '__commandHandler__';

type Class = new (...args: never[]) => object;

const load = createRequire(__filename);

/** The module of each folder here, whoever imports it. */
const CATEGORIES = readdirSync(__dirname, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .flatMap(({ name }) =>
    Object.values(load(join(__dirname, name, `${name}.module`)) as Record<string, Class>),
  );

/** The handlers in the modules' lists, without anything behind them. */
const found: FoundHandler[] = CATEGORIES.flatMap((module) =>
  (Reflect.getMetadata('providers', module) as Class[])
    .filter((provider) => Reflect.hasMetadata(COMMAND_OF_HANDLER, provider))
    .map((provider) => ({
      handler: Object.create(provider.prototype as object) as FoundHandler['handler'],
      command: Reflect.getMetadata(COMMAND_OF_HANDLER, provider) as CommandClass,
      category: categoryOf(module),
    })),
);
const actionFiles = readdirSync(__dirname, { recursive: true, encoding: 'utf8' }).filter((name) =>
  name.endsWith('.action.ts'),
);

describe('the catalogue of the product', () => {
  it('passes its own checks', () => {
    expect(found.length).toBeGreaterThan(0);
    const commands = found.map((one) => one.command);
    expect(catalogueFaults(commands, found)).toEqual([]);
  });

  it('has every action file in the list of its category: none was forgotten', () => {
    const inFiles = actionFiles.flatMap((name) =>
      [...readFileSync(join(__dirname, name), 'utf8').matchAll(/^\s+name: '([^']+)',$/gm)].map(
        (match) => match[1],
      ),
    );
    const listed = found.map((one) => declarationOf(one.command)?.name);
    expect([...listed].sort()).toEqual([...inFiles].sort());
  });

  it('says of every field whether its value may stand in the audit', () => {
    const masked = found.flatMap(({ command }) =>
      unrecorded(command).map((field) => `${declarationOf(command)?.name} ${field}`),
    );
    expect(masked.sort()).toEqual(MASKED_IN_THE_AUDIT);
  });

  it.each(actionFiles)('has a spec beside %s', (name) => {
    expect(actionFiles.length).toBeGreaterThan(0);
    const spec = readFileSync(join(__dirname, name.replace(/\.ts$/, '.spec.ts')), 'utf8');
    expect(spec).toMatch(/describe\(/);
  });

  it.each(found.map((one) => [declarationOf(one.command)?.name ?? '', one] as const))(
    'keeps the handler of %s short',
    (_name, one) => {
      expect(one.handler.constructor.toString().split('\n').length).toBeLessThan(60);
    },
  );
});

/** The fields of a class that are not marked, those of nested classes included, as paths. */
function unrecorded(type: Type, path = ''): string[] {
  const recorded = recordedFields(type);
  return [...fieldNames(type)].flatMap((name) => {
    if (!recorded.has(name)) return [`${path}${name}`];
    const inner = nestedType(type, name);
    return inner ? unrecorded(inner, `${path}${name}.`) : [];
  });
}
