import type { Type } from '@nestjs/common';
import type { OpenAPIObject } from '@nestjs/swagger';
import { ERROR_CODES_EXTENSION } from '../platform/http/api-errors';
import { AUDIT_PROOF } from '../platform/http/audit-proof-schema';
import type { Catalogue } from './catalogue/catalogue';
import { type CatalogueEntry, isAbortable } from './catalogue/catalogue-entry';
import { allErrors, errorsOf, exampleRequest, limitOf } from './docs/action-facts';
import { type PayloadSchema, payloadSchema } from './docs/payload-schema';
import { patchedTypes } from './catalogue/patch-of';
import { ActionOptions } from './options.dto';

const PATH = '/api/admin/action';

/** The classes whose schemas {@link describeActions} refers to: give them to createDocument as extraModels. */
export function actionModels(catalogue: Catalogue): Type[] {
  const commands = catalogue.all().map((entry) => entry.command);
  return [ActionOptions, ...commands, ...commands.flatMap(patchedTypes)];
}

/** The schema of a part of the settings, as a described document has it. */
export function settingsSchema(document: OpenAPIObject): PayloadSchema {
  const command = document.components?.schemas?.['SaveConfig'] as PayloadSchema | undefined;
  const found = command?.properties?.['settings'];
  if (!found) throw new Error('The document has no schema of what config.save takes');
  return found;
}

/**
 * Describes the write endpoint: one variant of the request per action, told apart by `action`, each with an
 * example, its error codes and all that a console needs to know (`x-admin`). Changes the document.
 */
export function describeActions(document: OpenAPIObject, catalogue: Catalogue): void {
  const entries = catalogue.all();
  const schemas = (document.components ??= {}).schemas ?? {};
  document.components.schemas = schemas;
  // What the plugin made of the classes has their doc comments; rules and defaults are read from the classes.
  const described = (type: Type) => schemas[type.name] as PayloadSchema | undefined;
  const exact = (type: Type) => payloadSchema(type, described) as (typeof schemas)[string];
  for (const entry of entries) {
    schemas[entry.command.name] = exact(entry.command);
    schemas[requestName(entry)] = requestSchema(entry);
  }
  schemas['ActionOptions'] = exact(ActionOptions);
  // They were there for their doc comments: what is said of parts of them stands with the command.
  for (const type of entries.flatMap((entry) => patchedTypes(entry.command))) delete schemas[type.name];
  schemas['ActionRequest'] = {
    oneOf: entries.map((entry) => ({ $ref: refOf(requestName(entry)) })),
    discriminator: {
      propertyName: 'action',
      mapping: Object.fromEntries(entries.map((entry) => [entry.name, refOf(requestName(entry))])),
    },
  };
  schemas['ActionAnswer'] = answerSchema();
  const operation = document.paths[PATH]?.post;
  if (!operation) throw new Error(`${PATH} is not among the routes of the document`);
  Object.assign(operation, operationOf(entries));
}

function requestName(entry: CatalogueEntry): string {
  return `${entry.command.name}Request`;
}

function refOf(name: string): string {
  return `#/components/schemas/${name}`;
}

function requestSchema(entry: CatalogueEntry) {
  const critical = entry.risk === 'critical';
  return {
    type: 'object',
    title: entry.name,
    description: entry.description,
    additionalProperties: false,
    required: ['action', 'payload', ...(critical ? ['options'] : [])],
    properties: {
      action: { type: 'string', enum: [entry.name] },
      payload: { $ref: refOf(entry.command.name) },
      options: { $ref: refOf('ActionOptions') },
    },
    example: exampleRequest(entry),
    'x-admin': {
      action: entry.name,
      title: entry.summary,
      category: entry.category,
      views: entry.views,
      risk: entry.risk,
      mode: entry.mode,
      permission: entry.name,
      roles: ['admin', ...entry.roles],
      anyone_on_own: entry.anyoneOnOwn === true,
      abortable: isAbortable(entry),
      confirm: critical,
      preview: entry.previews,
      rate_limit: limitOf(entry),
      errors: errorsOf(entry),
      since: entry.since,
    },
  };
}

function answerSchema() {
  return {
    type: 'object',
    required: ['success', 'data', 'timestamp', 'response_time_ms', 'trace_id', 'execution_id'],
    properties: {
      success: { type: 'boolean', enum: [true] },
      data: { description: 'What the action returns; of an operation, where its status is.' },
      timestamp: { type: 'string', format: 'date-time' },
      response_time_ms: { type: 'number' },
      trace_id: { type: 'string' },
      execution_id: { type: 'string', format: 'uuid' },
      audit: AUDIT_PROOF,
      explain: {
        type: 'array',
        description:
          'With options.explain: what each stage decided, by which rule, in how many milliseconds.',
        items: { type: 'object' },
      },
    },
  };
}

function operationOf(entries: readonly CatalogueEntry[]) {
  return {
    summary: 'Run an action',
    description:
      'Each action is one variant of the request, told apart by `action`. Answers of finished runs are kept for ' +
      'an hour under their idempotency key, and replayed byte for byte with `Idempotent-Replayed: true`.',
    parameters: [keyParameter('X-Idempotency-Key'), keyParameter('Idempotency-Key')],
    requestBody: {
      required: true,
      content: {
        'application/json': {
          schema: { $ref: refOf('ActionRequest') },
          examples: Object.fromEntries(
            entries.map((entry) => [entry.name, { summary: entry.summary, value: exampleRequest(entry) }]),
          ),
        },
      },
    },
    responses: {
      200: answer('The action is done, or what it would do with options.dry_run.'),
      202: answer('The operation goes on in the background.'),
    },
    [ERROR_CODES_EXTENSION]: allErrors(entries),
  };
}

function keyParameter(name: string) {
  return {
    name,
    in: 'header',
    required: false,
    description:
      'Runs the action at most once, however often the request is sent. Required for critical and bulk actions.',
    schema: { type: 'string', pattern: '^[A-Za-z0-9._~+/=-]{1,255}$' },
  };
}

function answer(description: string) {
  return { description, content: { 'application/json': { schema: { $ref: refOf('ActionAnswer') } } } };
}
