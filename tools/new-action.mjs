#!/usr/bin/env node
/**
 * npm run new:action -- job.some_name [--category jobs]
 *
 * Makes the file of a new action and its spec, and adds the line to the list of its category: all that adding
 * an action takes. What is left to do is marked by the checks at start and by a spec that fails until it is done.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const PROJECT = resolve(dirname(fileURLToPath(import.meta.url)), '..');
const CATEGORIES = join(PROJECT, 'src/categories');
/** Where actions of a subject live, if that is not the subject's plural or itself. */
const SUBJECTS = { job: 'jobs', worker: 'workers', service: 'services', manager: 'managers' };
const PLURALS = {
  ...Object.fromEntries(Object.entries(SUBJECTS).map(([one, many]) => [many, one])),
  queues: 'queue',
};

function fail(message) {
  process.stderr.write(`${message}\n`);
  process.exit(1);
}

function readArguments(args) {
  const at = args.indexOf('--category');
  const category = at >= 0 ? args[at + 1] : undefined;
  const [given] = args.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
  const match = /^([a-z]+)\.([a-z]+(?:[_-][a-z]+)*)$/.exec(given ?? '');
  if (!match) fail('Usage: npm run new:action -- job.some_name [--category jobs]');
  const [, subject, verb] = match;
  const singular = PLURALS[subject] ?? subject;
  return {
    name: `${singular}.${verb.replaceAll('-', '_')}`,
    subject: singular,
    words: verb.split(/[_-]/),
    category: category ?? SUBJECTS[singular] ?? singular,
  };
}

const capital = (word) => word[0].toUpperCase() + word.slice(1);

function actionSource({ name, words, subject }, command) {
  return `import { CommandHandler } from '@nestjs/cqrs';
import { IsUUID } from 'class-validator';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { Recorded } from '../../../pipeline/catalogue/fields';
import { AppError } from '../../../platform/errors/app-error';

/** What ${name} answers. */
export interface ${command}Result {
  ${subject}_id: string;
}

@Action({
  name: '${name}',
  views: ['dashboard'],
  // read, standard, high or critical; from high on the handler needs a preview.
  risk: 'standard',
  mode: 'sync',
  // Besides admin, who may run everything.
  roles: [],
  dependsOn: ['postgres'],
  summary: '${capital([...words, subject].join(' '))}',
  description: 'What it does, exactly, in a sentence or two.',
  errors: [],
  example: { ${subject}_id: '01890a5d-ac96-774b-bcce-b302099a8057' },
  since: '1.0',
})
export class ${command} extends ActionCommand<${command}Result> {
  /** Which ${subject}. */
  @Recorded()
  @IsUUID()
  ${subject}_id!: string;
}

@CommandHandler(${command})
export class ${command}Handler implements ActionHandler<${command}> {
  /** Logic belongs to a service of the domain; inject it and call it here. */
  execute({ ${subject}_id }: ${command}): Promise<${command}Result> {
    return Promise.reject(new AppError('INTERNAL_ERROR', \`${name} cannot do anything with \${${subject}_id} yet\`));
  }
}
`;
}

function specSource({ name, subject }, command, file) {
  return `import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { ${command}, ${command}Handler } from './${file}.action';

describe('${name}', () => {
  it('does what it says', async () => {
    const command = Object.assign(new ${command}(), { ${subject}_id: 'x1', context: {} as ActionContext });
    await expect(new ${command}Handler().execute(command)).resolves.toEqual({ ${subject}_id: 'x1' });
  });
});
`;
}

async function addToList(module, handler, file) {
  const source = readFileSync(module, 'utf8');
  const list = /const ACTIONS = \[([^\]]*)\]/.exec(source);
  if (!list) fail(`${relative(PROJECT, module)} has no list ACTIONS`);
  const handlers = [
    ...list[1]
      .split(',')
      .map((entry) => entry.trim())
      .filter(Boolean),
    handler,
  ].sort();
  const imports = source.split('\n').filter((line) => /^import .*\.action';$/.test(line));
  const wanted = [...imports, `import { ${handler} } from './actions/${file}.action';`].sort((a, b) =>
    a.split('from')[1] < b.split('from')[1] ? -1 : 1,
  );
  const lines = source.split('\n').filter((line) => !imports.includes(line));
  const after = lines.findLastIndex((line) => /^import .* from '\.\.\//.test(line)) + 1;
  lines.splice(after, 0, ...wanted);
  await write(
    module,
    lines
      .join('\n')
      .replace(/const ACTIONS = \[[^\]]*\]/, `const ACTIONS = [\n  ${handlers.join(',\n  ')},\n]`),
  );
}

/** Writes a file in the project's style. */
async function write(path, source) {
  const { format, resolveConfig } = await import('prettier');
  writeFileSync(path, await format(source, { ...(await resolveConfig(path)), filepath: path }));
}

const action = readArguments(process.argv.slice(2));
const folder = join(CATEGORIES, action.category);
const module = join(folder, `${action.category}.module.ts`);
if (!existsSync(module)) {
  const known = readdirSync(CATEGORIES, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  fail(
    `There is no category ${action.category}; name one with --category: ${known.map((entry) => entry.name).join(', ')}`,
  );
}
const file = [...action.words, action.subject].join('-');
const command = [...action.words, action.subject].map(capital).join('');
const target = join(folder, 'actions', `${file}.action.ts`);
if (existsSync(target)) fail(`${relative(PROJECT, target)} exists already`);

await write(target, actionSource(action, command));
await write(target.replace(/\.ts$/, '.spec.ts'), specSource(action, command, file));
await addToList(module, `${command}Handler`, file);
process.stdout.write(
  [
    `Made ${relative(PROJECT, target)} and its spec, and listed it in ${relative(PROJECT, module)}.`,
    'Fill in what it does; its spec fails until then. Then: npm run docs:generate',
    '',
  ].join('\n'),
);
