import type { FieldError } from '../../platform/errors/app-error';
import type { CommandClass } from './action.decorator';
import type { ActionCommand } from './action-command';
import { strictInstance } from './strict-instance';

/** What came of a payload: the command, or everything that is wrong with it. */
export type Validated = { command: ActionCommand<unknown> } | { errors: FieldError[] };

/** Makes a command of a payload, strictly: no unknown field, no conversion of types, defaults filled in. */
export function validatePayload(command: CommandClass, payload: unknown): Validated {
  const made = strictInstance(command, payload, 'payload', 'is not a field of this action');
  return 'errors' in made ? made : { command: made.instance };
}

/** Everything that is wrong with a payload. */
export function payloadErrors(command: CommandClass, payload: unknown): FieldError[] {
  const validated = validatePayload(command, payload);
  return 'errors' in validated ? validated.errors : [];
}
