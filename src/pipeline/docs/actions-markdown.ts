import type { Catalogue } from '../catalogue/catalogue';
import { type CatalogueEntry, isAbortable } from '../catalogue/catalogue-entry';
import { CATEGORIES } from '../catalogue/category.decorator';
import { fieldNames } from '../catalogue/fields';
import { COMMON_ERRORS, errorsOf, exampleRequest, limitOf } from './action-facts';

/** docs/actions.md: what every action does, who may run it, and what it answers. */
export function renderActionsMarkdown(catalogue: Catalogue): string {
  const entries = catalogue.all();
  const categories = CATEGORIES.map((category) => ({
    category,
    actions: entries.filter((entry) => entry.category === category),
  })).filter(({ actions }) => actions.length > 0);
  return `${[
    '# Actions',
    '',
    'Generated from the declarations in the code by `npm run docs:generate`; not to be edited.',
    '',
    'All of them are run by `POST /api/admin/action` with `{"action", "payload", "options"}`. `admin` may run',
    'every action. Besides the codes given with each, any action may answer with',
    `${COMMON_ERRORS.map((code) => `\`${code}\``).join(', ')}; see [errors.md](errors.md).`,
    '',
    ...overview(entries),
    ...categories.flatMap(({ category, actions }) => [`## ${category}`, '', ...actions.flatMap(section)]),
  ].join('\n')}`;
}

function overview(entries: readonly CatalogueEntry[]): string[] {
  return [
    '| action | what | risk | mode | roles besides admin | limit |',
    '| --- | --- | --- | --- | --- | --- |',
    ...entries.map(
      (entry) =>
        `| [${entry.name}](#${entry.name.replace('.', '')}) | ${entry.summary} | ${entry.risk} | ${entry.mode} | ${entry.roles.join(', ') || 'none'} | ${limitOf(entry)} |`,
    ),
    '',
  ];
}

function section(entry: CatalogueEntry): string[] {
  const fields = [...fieldNames(entry.command)].sort();
  const notes = [
    `Since ${entry.since}. Views: ${entry.views.join(', ')}.`,
    ...(entry.previews ? ['Can be previewed with `options.dry_run`.'] : []),
    ...(entry.risk === 'critical'
      ? ['Needs an idempotency key, `options.confirm` (its name) and `options.reason`.']
      : []),
    ...(entry.ownScope ? ['Users may run it on what is theirs, through the user API.'] : []),
    ...(entry.anyoneOnOwn ? ['Anybody may run it on what they have started themselves.'] : []),
    ...(entry.mode === 'operation' ? ['Goes on in the background: answers 202, see `options.wait_ms`.'] : []),
    ...(isAbortable(entry) ? ['Can be stopped with `system.abort_operation`.'] : []),
  ];
  return [
    `### ${entry.name}`,
    '',
    entry.description,
    '',
    notes.join(' '),
    '',
    `Payload: ${fields.length > 0 ? fields.map((field) => `\`${field}\``).join(', ') : 'none'}. Codes: ${
      errorsOf(entry)
        .map((code) => `\`${code}\``)
        .join(', ') || 'only the common ones'
    }.`,
    '',
    '```json',
    JSON.stringify(exampleRequest(entry)),
    '```',
    '',
  ];
}
