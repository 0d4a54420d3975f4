import type { ActionDeclaration, CommandClass } from './action.decorator';
import type { ActionHandler } from './action-handler';
import type { ActionCommand } from './action-command';
import type { CategoryName } from './category.decorator';

/** An action with all that runs it. */
export interface CatalogueEntry extends ActionDeclaration {
  readonly category: CategoryName;
  readonly command: CommandClass;
  readonly handler: ActionHandler<ActionCommand<unknown>>;
  readonly previews: boolean;
}

/** A handler as it was found among the providers, before anything is checked. */
export interface FoundHandler {
  readonly handler: ActionHandler<ActionCommand<unknown>>;
  /** What its `@CommandHandler` names. */
  readonly command: CommandClass;
  /** Of the module that provides it; undefined if that is not a category. */
  readonly category: CategoryName | undefined;
}

/** Whether it is an operation that can be stopped before its end. */
export function isAbortable(entry: CatalogueEntry): boolean {
  return entry.mode === 'operation' && entry.abortable !== false;
}
