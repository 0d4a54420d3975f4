import { plainToInstance } from 'class-transformer';
import { validateSync } from 'class-validator';
import fc from 'fast-check';
import { readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { declarationOf, declaredCommands } from '../pipeline/catalogue/action.decorator';
import { fieldNames, nestedType } from '../pipeline/catalogue/fields';
import { isSurelyValid } from '../pipeline/catalogue/sure-validity';

for (const file of readdirSync(__dirname, { recursive: true, encoding: 'utf8' }))
  if (file.endsWith('.action.ts')) createRequire(__filename)(join(__dirname, file));

const commands = declaredCommands().map((command) => ({
  name: declarationOf(command)?.name ?? command.name,
  command,
}));

/** What is valid for some field or other, and what is nearly so. */
const anyValue = fc.oneof(
  fc.constantFrom(
    undefined,
    null,
    '',
    'all',
    'packager',
    'admin',
    'error',
    'queued',
    'csv',
    '10.0.0.0/8',
    'a@example.org',
    '2026-01-02T03:04:05Z',
    '2026-02-30T00:00:00Z',
    true,
    false,
    0,
    -1,
    1.5,
    5,
    Number.NaN,
    1e9,
  ),
  fc.uuid(),
  fc.string({ maxLength: 120 }),
  fc.integer({ min: -5, max: 20_000 }),
  fc.array(fc.oneof(fc.uuid(), fc.constantFrom('packager', 'failed', 1, null)), { maxLength: 4 }),
  fc.dictionary(fc.string({ maxLength: 8 }), fc.oneof(fc.integer(), fc.string()), { maxKeys: 3 }),
);

describe.each(commands)('a payload of $name', ({ command }) => {
  const fields = [...fieldNames(command)];
  const example = (declarationOf(command)?.example ?? {}) as Record<string, unknown>;
  const kept = fields.filter((field) => example[field] !== undefined);
  const payload = fc
    .record({
      changed: fc.dictionary(fc.constantFrom(...fields, 'unknown'), anyValue, { maxKeys: 2 }),
      dropped: fc.subarray(kept),
      isWhole: fc.boolean(),
    })
    .map(({ changed, dropped, isWhole }) => {
      const given = { ...example, ...changed };
      return Object.fromEntries(
        Object.entries(given).filter(([field]) => isWhole || !dropped.includes(field)),
      );
    });

  it('is surely valid exactly if class-validator finds nothing wrong with it', () => {
    fc.assert(
      fc.property(payload, (given) => {
        const instance = plainToInstance(command, given) as object;
        const hasNested = fields.some(
          (field) => nestedType(command, field) && (instance as Record<string, unknown>)[field] !== undefined,
        );
        const isValid = validateSync(instance, { whitelist: true, forbidNonWhitelisted: true }).length === 0;
        // What is nested may be left to class-validator.
        if (!isValid || !hasNested) expect(isSurelyValid(instance)).toBe(isValid);
      }),
      { numRuns: 150 },
    );
  });
});
