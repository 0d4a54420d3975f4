import { Inject, Injectable } from '@nestjs/common';
import type { FieldError } from '../../platform/errors/app-error';
import { bodyField } from '../../platform/errors/field-errors';
import type { Answering } from '../../platform/http/plain-reply';
import { ActionRunner } from '../pipeline';
import { actionCall, type ActionRequest, sendAnswer } from './action-call';

/** Where actions are posted to. */
export const ACTION_PATH = '/api/admin/action';

const FIELDS = ['action', 'payload', 'options'];

interface Body {
  action: unknown;
  payload: unknown;
  options: unknown;
  /** What is wrong with the body as such. */
  errors: FieldError[];
}

/** Runs the action that a request asks for and sends its answer. */
@Injectable()
export class ActionEndpoint {
  constructor(@Inject(ActionRunner) private readonly runner: ActionRunner) {}

  /** Who may run which action is decided, and recorded, in the pipeline. */
  async run(request: ActionRequest & { readonly body: unknown }, reply: Answering): Promise<void> {
    const { action, payload, options, errors } = readBody(request.body);
    const call = actionCall(request, { options, bodyErrors: errors });
    sendAnswer(reply, await this.runner.run(action, payload, call));
  }
}

function readBody(body: unknown): Body {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    return {
      action: undefined,
      payload: undefined,
      options: undefined,
      errors: [bodyField([], 'must be an object')],
    };
  const { action, payload, options, ...others } = body as Record<string, unknown>;
  const errors = Object.keys(others).map((key) => bodyField([key], `is not one of ${FIELDS.join(', ')}`));
  return { action, payload, options, errors };
}
