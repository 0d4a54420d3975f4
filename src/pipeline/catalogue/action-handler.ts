import type { ActionCommand } from './action-command';
import type { Preview } from '../preview/preview';

type ResultOf<C> = C extends ActionCommand<infer R> ? R : never;

/**
 * Runs one action. Idempotent: after a crash it may be run again with the same command; an operation then finds
 * in `context.checkpoint` what it had kept.
 */
export interface ActionHandler<C extends ActionCommand<unknown>> {
  /** @returns what the caller is answered with, as JSON */
  execute(command: C): Promise<ResultOf<C>>;
}

/** A handler that can also say what it would do. Required where risk is high or critical. */
export interface PreviewingHandler<C extends ActionCommand<unknown>> extends ActionHandler<C> {
  /** What `execute` would do now, exactly. Changes nothing. */
  preview(command: C): Promise<Preview>;
}

/** Whether a handler can say what it would do. */
export function canPreview(handler: object): handler is PreviewingHandler<ActionCommand<unknown>> {
  return 'preview' in handler && typeof handler.preview === 'function';
}
