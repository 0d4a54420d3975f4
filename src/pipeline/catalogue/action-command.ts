import { Command } from '@nestjs/cqrs';
import type { Tx } from '../../platform/postgres/db';
import type { Actor } from '../../platform/security/roles';
import type { FrozenItem } from '../preview/preview';
import type { Checkpoint } from './checkpoint';

/** How far an operation has got. */
export interface Progress {
  done: number;
  /** Undefined while it is not known. */
  total?: number;
  message?: string;
}

/** What an action knows about its run besides its payload. */
export interface ActionContext {
  readonly executionId: string;
  readonly actor: Actor;
  readonly traceId: string;
  /** From where it was asked for; null where that is not known any more. */
  readonly ip: string | null;
  /** The payload is to be applied to what belongs to this user only; anything else does not exist. */
  readonly ownerId?: string;
  /** Why, in the caller's words. */
  readonly reason?: string;
  /**
   * Aborted when time is up, the operation is to be stopped, or another process has taken it over. An operation
   * then ends at its next safe point (see `mayStop`).
   */
  readonly signal: AbortSignal;
  /** Act on these only: what a preview had frozen. */
  readonly selection?: readonly FrozenItem[];
  /**
   * Runs `work` in a transaction that also records what it returns as the action's outcome and answer, so
   * that there is never one without the other. At most once, for actions that change only Postgres; the
   * handler returns the same value.
   */
  transaction<T>(work: (tx: Tx) => Promise<T>): Promise<T>;
  /** Tells subscribers how far an operation is; throttled. Does nothing in sync actions. */
  progress(progress: Progress): void;
  /** How far it is, for whoever goes on with it. Keeps nothing in previews. */
  readonly checkpoint: Checkpoint;
}

/**
 * An action to be run: the payload as fields, with validation on each, and the context beside them.
 * Fields are snake_case as on the wire.
 */
export abstract class ActionCommand<R> extends Command<R> {
  /** Set by the pipeline after validation; never read from the request. */
  readonly context!: ActionContext;
}

/** The command's fields alone, as `plain` values made the command. */
export type PayloadOf<C> = Omit<C, 'context'>;
