import type { Type } from '@nestjs/common';
import type { ErrorCode } from '../../platform/errors/error-codes';
import type { Role } from '../../platform/security/roles';
import type { ActionCommand } from './action-command';

/** The console's views. An action says in which of them it is offered. */
export const VIEWS = [
  'dashboard',
  'agents-workers',
  'jobs-queue',
  'analytics',
  'configuration',
  'system-logs',
  'managers',
  'system-controls',
] as const;
export type View = (typeof VIEWS)[number];

/** How much an action can break; sets its rate limit, and whether it needs preview, confirm and a key. */
export const RISKS = ['read', 'standard', 'high', 'critical'] as const;
export type Risk = (typeof RISKS)[number];

/** `sync` answers with the result; `operation` goes on in the background, durably. */
export const MODES = ['sync', 'operation'] as const;
export type Mode = (typeof MODES)[number];

/** What an action needs in order to work, and what its circuit breaker therefore watches. */
export const DEPENDENCIES = ['postgres', 'redis', 'queue', 'storage'] as const;
export type Dependency = (typeof DEPENDENCIES)[number];

/** Everything there is to say about an action. All else (OpenAPI, permissions, limits, docs) follows from it. */
export interface ActionDeclaration {
  /** `subject.verb_noun`, for ever: clients send it. Also the name of the permission. */
  readonly name: string;
  readonly views: readonly View[];
  readonly risk: Risk;
  readonly mode: Mode;
  /** Who may run it besides `admin`, who may run everything. */
  readonly roles: readonly Exclude<Role, 'admin'>[];
  readonly dependsOn: readonly Dependency[];
  /** A few words, as on a button. */
  readonly summary: string;
  /** What it does, exactly, in a sentence or two. */
  readonly description: string;
  /** Codes that it may answer with, besides those which any action may. */
  readonly errors: readonly ErrorCode[];
  /** A payload that passes validation. */
  readonly example: Readonly<Record<string, unknown>>;
  /** The version of the product that brought it. */
  readonly since: string;
  /**
   * Whether users may run it on what is theirs through the user API. The handler must then honour
   * `context.ownerId`.
   */
  readonly ownScope?: boolean;
  /**
   * Whether anybody may run it on what they have started themselves, also without the permission. The handler
   * must then honour `context.ownerId`.
   */
  readonly anyoneOnOwn?: boolean;
  /** Whether an operation can be stopped before its end; yes, unless it says no. */
  readonly abortable?: boolean;
  /** Whether it takes many targets at once; it then needs an idempotency key and a {@link cost}. */
  readonly bulk?: boolean;
  /**
   * How many items a run with this payload, validated and with its defaults, may touch: at least 1. They are charged
   * against the caller's limit `items`, since otherwise a run over thousands would count like one over a single item.
   */
  readonly cost?: (payload: Readonly<Record<string, unknown>>) => number;
  /**
   * Fields of its result that are for the caller alone: what lets whoever has it in, such as a ticket, or tells of people.
   * The answer is then stored sealed, for replays alone, and nobody is shown these fields again.
   */
  readonly secretFields?: readonly string[];
  /**
   * Whether settings may not grant it to any role, because whoever holds it could give themselves every other
   * permission.
   */
  readonly adminOnly?: boolean;
}

/** The class of any command. */
export type CommandClass = Type<ActionCommand<unknown>>;

const DECLARATION = Symbol('agentos:action');
const declared = new Set<CommandClass>();

/** Declares a command to be an action. Its payload is the command's decorated fields. */
export function Action(declaration: ActionDeclaration) {
  return (target: CommandClass): void => {
    Reflect.defineMetadata(DECLARATION, declaration, target);
    declared.add(target);
  };
}

/** What the class was declared with; undefined if it was not. */
export function declarationOf(target: object): ActionDeclaration | undefined {
  return Reflect.getOwnMetadata(DECLARATION, target) as ActionDeclaration | undefined;
}

/** Every command class that was declared in a file that this process has loaded. */
export function declaredCommands(): CommandClass[] {
  return [...declared];
}
