import { ERROR_CODES } from '../../platform/errors/error-codes';
import { ROLES } from '../../platform/security/roles';
import {
  type ActionDeclaration,
  type CommandClass,
  declarationOf,
  DEPENDENCIES,
  MODES,
  RISKS,
  VIEWS,
} from './action.decorator';
import { canPreview } from './action-handler';
import type { FoundHandler } from './catalogue-entry';
import { payloadErrors } from './payload-validator';

const NAME = /^[a-z]+\.[a-z]+(?:_[a-z]+)*$/;

/**
 * Everything that is wrong with a catalogue made of these commands and handlers, each as a sentence that
 * names the mend. Empty if all is well. @nestjs/cqrs checks none of this itself.
 */
export function catalogueFaults(commands: readonly CommandClass[], found: readonly FoundHandler[]): string[] {
  return [
    ...duplicateNames(commands),
    ...commands.flatMap((command) => commandFaults(command, found)),
    ...found.flatMap((handler) => handlerFaults(handler, commands)),
  ];
}

function duplicateNames(commands: readonly CommandClass[]): string[] {
  const byName = new Map<string, string[]>();
  for (const command of commands) {
    const name = declarationOf(command)?.name ?? '';
    byName.set(name, [...(byName.get(name) ?? []), command.name]);
  }
  return [...byName]
    .filter(([, classes]) => classes.length > 1)
    .map(([name, classes]) => `${classes.join(' and ')} are both declared as "${name}": rename all but one.`);
}

function commandFaults(command: CommandClass, found: readonly FoundHandler[]): string[] {
  const declaration = declarationOf(command);
  if (!declaration) return [`${command.name} is not declared: decorate it with @Action({...}).`];
  const handlers = found.filter((one) => one.command === command);
  const faults = attributeFaults(declaration).map(
    (fault) => `${command.name} (${declaration.name}): ${fault}`,
  );
  if (handlers.length === 0)
    faults.push(
      `${command.name} has no handler: write a class with @CommandHandler(${command.name}) and add it to the list in its <category>.module.ts.`,
    );
  if (handlers.length > 1)
    faults.push(
      `${command.name} has ${handlers.length} handlers (${handlers.map(nameOf).join(', ')}): remove all but one.`,
    );
  return faults;
}

function handlerFaults(one: FoundHandler, commands: readonly CommandClass[]): string[] {
  const declaration = declarationOf(one.command);
  const faults: string[] = [];
  if (!commands.includes(one.command) || !declaration)
    return [
      `${nameOf(one)} handles ${one.command.name}, which is no action: decorate that with @Action({...}).`,
    ];
  if (!one.category)
    faults.push(
      `${nameOf(one)} is provided outside of a category: list it in a module that has @Category(...).`,
    );
  if ((declaration.risk === 'high' || declaration.risk === 'critical') && !canPreview(one.handler))
    faults.push(
      `${nameOf(one)} has risk ${declaration.risk} and no preview: implement preview(command), which says what would happen and changes nothing.`,
    );
  if (declaration.secretFields && declaration.mode !== 'sync')
    faults.push(
      `${nameOf(one)} has secretFields, and what an operation came to is shown to others: let it be sync.`,
    );
  faults.push(...costFaults(one.command, declaration));
  const wrong = payloadErrors(one.command, declaration.example ?? {});
  if (wrong.length > 0)
    faults.push(
      `${one.command.name} (${declaration.name}): its example does not pass its own validation: ${wrong.map((error) => `${error.path} ${error.message}`).join('; ')}.`,
    );
  return faults;
}

function costFaults(command: CommandClass, { name, bulk, cost, example }: ActionDeclaration): string[] {
  const who = `${command.name} (${name})`;
  if (bulk && !cost) return [`${who} is bulk: give it cost(payload), the number of items that it may touch.`];
  const items = cost?.(Object.assign(new command(), example)) ?? 1;
  return Number.isInteger(items) && items >= 1
    ? []
    : [`${who} costs ${items} with its example: let cost(payload) be a whole number of at least 1.`];
}

function attributeFaults(declaration: ActionDeclaration): string[] {
  // The compiler checks most of this; what is built from data or cast comes here unchecked.
  const given = declaration as Partial<Record<keyof ActionDeclaration, unknown>>;
  const faults: string[] = [];
  const need = (ok: boolean, mend: string): void => {
    if (!ok) faults.push(mend);
  };
  const isListOf = (value: unknown, allowed: readonly string[]): boolean =>
    Array.isArray(value) && value.every((item) => typeof item === 'string' && allowed.includes(item));
  const isOneOf = (value: unknown, allowed: readonly string[]): boolean =>
    typeof value === 'string' && allowed.includes(value);
  const isText = (value: unknown): boolean => typeof value === 'string' && value.trim() !== '';

  need(typeof given.name === 'string' && NAME.test(given.name), 'give it a name such as job.cancel.');
  need(
    isListOf(given.views, VIEWS) && (given.views as []).length > 0,
    `give it views, at least one of ${VIEWS.join(', ')}.`,
  );
  need(isOneOf(given.risk, RISKS), `give it a risk, one of ${RISKS.join(', ')}.`);
  need(isOneOf(given.mode, MODES), `give it a mode, one of ${MODES.join(', ')}.`);
  need(
    isListOf(
      given.roles,
      ROLES.filter((role) => role !== 'admin'),
    ),
    'give it roles, a list of operator, supervisor, readonly, user; admin may run everything and is not listed.',
  );
  need(isListOf(given.dependsOn, DEPENDENCIES), `give it dependsOn, a list of ${DEPENDENCIES.join(', ')}.`);
  need(isText(given.summary), 'give it a summary, a few words.');
  need(isText(given.description), 'give it a description of what it does.');
  need(
    isListOf(given.errors, Object.keys(ERROR_CODES)),
    'give it errors, a list of codes from error-codes.ts.',
  );
  need(typeof given.example === 'object' && given.example !== null, 'give it an example payload.');
  need(isText(given.since), 'give it since, the version that brings it.');
  need(
    given.adminOnly !== true || (given.roles as [] | undefined)?.length === 0,
    'it is adminOnly: take the roles away, or adminOnly.',
  );
  return faults;
}

function nameOf(one: FoundHandler): string {
  return one.handler.constructor.name;
}
