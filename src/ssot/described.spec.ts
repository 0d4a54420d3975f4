import { readFileSync } from 'node:fs';
import { join } from 'node:path';

interface Schema {
  $ref?: string;
  description?: string;
  properties?: Record<string, Schema>;
  items?: Schema;
  allOf?: Schema[];
  additionalProperties?: Schema | boolean;
}

const { components } = JSON.parse(readFileSync(join(__dirname, '../../docs/openapi.json'), 'utf8')) as {
  components: { schemas: Record<string, Schema> };
};

/** The properties without a description, of a schema and all that it refers to. */
function undescribed(name: string, seen = new Set<string>()): string[] {
  if (seen.has(name)) return [];
  seen.add(name);
  const inner = (schema: Schema): string[] => {
    const ref = schema.$ref?.split('/').pop();
    const { additionalProperties: others } = schema;
    return [
      ...(ref ? undescribed(ref, seen) : []),
      ...(schema.items ? inner(schema.items) : []),
      ...(schema.allOf ?? []).flatMap(inner),
      ...(typeof others === 'object' ? inner(others) : []),
    ];
  };
  const properties = Object.entries(components.schemas[name]?.properties ?? { 'no such schema': {} });
  return properties.flatMap(([property, schema]) => [
    ...(schema.description ? [] : [`${name}.${property}`]),
    ...(schema.properties ? [`${name}.${property} has no class of its own`] : []),
    ...inner(schema),
  ]);
}

describe('the OpenAPI of the read model', () => {
  it.each(['SnapshotAnswerDto', 'DashboardAnswerDto', 'SsotHealthDto'])(
    'describes every field of %s',
    (name) => {
      expect(undescribed(name)).toEqual([]);
    },
  );
});
