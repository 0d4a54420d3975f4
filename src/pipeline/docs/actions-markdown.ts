import type { Catalogue } from '../catalogue/catalogue';
import { type CatalogueEntry, isAbortable } from '../catalogue/catalogue-entry';
import { CATEGORIES } from '../catalogue/category.decorator';
import { fieldNames } from '../catalogue/fields';
import { MAX_WAIT_MS } from '../options.dto';
import { COMMON_ERRORS, errorsOf, exampleRequest, limitOf } from './action-facts';

/** The operations that run an action besides the write endpoint, by its name. */
type Routes = ReadonlyMap<string, readonly string[]>;

/** docs/actions.md: what every action does, who may run it, and what it answers. */
export function renderActionsMarkdown(catalogue: Catalogue, routes: Routes = new Map()): string {
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
    'The limit holds for each user, unless `rate_limits` of the [settings](settings.md) says otherwise.',
    '',
    '| option | what it does |',
    '| --- | --- |',
    '| `dry_run` | says what would happen, of actions that can be previewed; the answer has a `preview_token`, good for 5 minutes |',
    '| `preview_token` | acts on what that preview showed and on nothing else |',
    '| `confirm`, `reason` | the name of the action once more, and why it is run: critical actions need both |',
    `| \`wait_ms\` | how long to wait for the end of an operation before answering 202, at most ${MAX_WAIT_MS} |`,
    '| `explain` | adds what each stage of the pipeline decided, and how long it took |',
    '',
    'A header `X-Idempotency-Key` has an action run once, however often it is sent: for an hour the key is answered as it',
    'was the first time.',
    '',
    ...overview(entries),
    ...categories.flatMap(({ category, actions }) => [
      `## ${category}`,
      '',
      ...actions.flatMap((entry) => section(entry, routes.get(entry.name) ?? [])),
    ]),
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

function section(entry: CatalogueEntry, routes: readonly string[]): string[] {
  const fields = [...fieldNames(entry.command)].sort();
  const notes = [
    `Since ${entry.since}. Views: ${entry.views.join(', ')}.`,
    ...(entry.previews ? ['Can be previewed with `options.dry_run`.'] : []),
    ...(entry.risk === 'critical'
      ? ['Needs an idempotency key, `options.confirm` (its name) and `options.reason`.']
      : []),
    ...(entry.bulk ? ['Needs an idempotency key.'] : []),
    ...routes.map(
      (route) => `\`${route}\` runs it, too${entry.ownScope ? ': for users, on what is theirs' : ''}.`,
    ),
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
