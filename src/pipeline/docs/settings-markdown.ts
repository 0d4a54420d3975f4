import type { PayloadSchema } from './payload-schema';

const INTRODUCTION = `# Settings

Generated from the code by \`npm run docs:generate\`; not to be edited.

What an administrator tunes while the system runs, with \`config.save\` ([actions.md](actions.md)): a part of this is
merged into the newest version, and is in force in every process within a second. null puts the default back, or takes an
entry away. A preview of it says of each setting that would change what it is and what it would become. The number of the
newest version is \`system.settings_version\` of \`GET /api/admin/ssot\`. Where no default stands, it is null or empty. \`NAME\`
stands for a name of your own.`;

/** What describes a setting may end with this; the schema of a part has its defaults there. */
const DEFAULT = / ?Default: (.*)\.$/s;

interface Row {
  path: string;
  schema: PayloadSchema;
}

/**
 * docs/settings.md: every setting with its default, what it can be, and what it means.
 *
 * @param schema of a part of the settings, as config.save takes it
 */
export function renderSettingsMarkdown(schema: PayloadSchema): string {
  const groups = Object.entries(schema.properties ?? {}).flatMap(([name, group]) => [
    '',
    `## ${name}`,
    '',
    ...(group.description ? [group.description, ''] : []),
    '| setting | default | can be | what it is |',
    '| --- | --- | --- | --- |',
    ...rowsOf(name, group).map(line),
  ]);
  return `${[INTRODUCTION, ...groups].join('\n')}\n`;
}

/** What is not described further is one row. */
function rowsOf(path: string, schema: PayloadSchema): Row[] {
  const { properties, additionalProperties: entries } = schema;
  if (properties && isGroup(schema))
    return Object.entries(properties).flatMap(([name, inner]) => [
      ...(isGroup(inner) ? [{ path: `${path}.${name}`, schema: inner }] : []),
      ...rowsOf(`${path}.${name}`, inner),
    ]);
  if (typeof entries !== 'object' || !entries.properties) return [{ path, schema }];
  return [{ path, schema }, ...rowsOf(`${path}.NAME`, entries)];
}

/** Whether it is of settings that are described themselves. */
function isGroup({ properties = {} }: PayloadSchema): boolean {
  return Object.values(properties).some(({ description }) => description !== undefined);
}

function line({ path, schema }: Row): string {
  const [, fallback = ''] = DEFAULT.exec(schema.description ?? '') ?? [];
  const meaning = (schema.description ?? '').replace(DEFAULT, '').replace(/\s+/g, ' ').trim();
  return `| \`${path}\` | ${fallback && `\`${fallback}\``} | ${valuesOf(schema)} | ${meaning} |`;
}

function valuesOf(schema: PayloadSchema): string {
  const { type, enum: choices, minimum, maximum, maxLength, items, format } = schema;
  if (choices)
    return choices
      .filter((choice) => choice !== null)
      .map((choice) => `\`${JSON.stringify(choice)}\``)
      .join(', ');
  if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`;
  if (type === 'boolean') return '`true`, `false`';
  if (type === 'array') return items?.type === 'string' ? 'a list of texts' : 'a list';
  if (type === 'string')
    return format === 'date-time'
      ? 'a time'
      : maxLength === undefined
        ? 'a text'
        : `a text of at most ${maxLength} characters`;
  return 'an object';
}
