import { IsBoolean, IsInt, IsString, Max, MaxLength, Min, MinLength } from 'class-validator';
import type { FieldError } from '../platform/errors/app-error';
import { MayBeAbsent } from './catalogue/fields';
import { strictInstance } from './catalogue/strict-instance';

/** How long a caller may wait for an operation, in milliseconds. */
export const MAX_WAIT_MS = 30_000;

/** What every action takes besides its payload. */
export class ActionOptions {
  /** Only say what would happen. For actions that can be previewed. */
  @MayBeAbsent() @IsBoolean() dry_run = false;
  /** The action's name, typed out. Critical actions need it. */
  @MayBeAbsent() @IsString() @MaxLength(100) confirm?: string;
  /** Why; kept in the audit. Critical actions need it. */
  @MayBeAbsent() @IsString() @MinLength(1) @MaxLength(500) reason?: string;
  /** Act only on what the preview with this token showed. */
  @MayBeAbsent() @IsString() @MaxLength(2_000) preview_token?: string;
  /** How long to wait for an operation to end before answering 202, in milliseconds. */
  @MayBeAbsent() @IsInt() @Min(0) @Max(MAX_WAIT_MS) wait_ms = 0;
  /** Add what each stage of the pipeline decided, and how long it took. */
  @MayBeAbsent() @IsBoolean() explain = false;
}

/** Options of a request, or what is wrong with them. */
export function readOptions(given: unknown): { options: ActionOptions } | { errors: FieldError[] } {
  if (given === undefined) return { options: new ActionOptions() };
  const made = strictInstance(ActionOptions, given, 'options', 'is not an option');
  return 'errors' in made ? made : { options: made.instance };
}
