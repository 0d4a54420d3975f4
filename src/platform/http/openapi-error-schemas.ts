import { ERROR_CODES, type ErrorCode, type ErrorCodeInfo } from '../errors/error-codes';
import { AUDIT_PROOF } from './audit-proof-schema';

const CODE = { $ref: '#/components/schemas/ErrorCode' };
const HELP = { type: 'string', description: 'What the caller can do.' };
const TIMESTAMP = { type: 'string', format: 'date-time' };
const TRACE_ID = {
  type: 'string',
  description: 'Finds the request in logs and audit; also the header X-Trace-Id.',
};
/** What errors of actions have besides. */
const OF_ACTIONS = {
  execution_id: { type: 'string', format: 'uuid', description: 'Of an action that was recorded.' },
  audit: AUDIT_PROOF,
  explain: {
    type: 'array',
    description: 'Of an action with options.explain: what each stage decided.',
    items: { type: 'object' },
  },
};
const POLICIES = {
  type: 'array',
  items: { type: 'string' },
  description: 'Of a 429: the limits that were used up, as RateLimit-Policy names them.',
};

/** The schemas of both forms of error answers. */
export const ERROR_SCHEMAS = {
  ErrorCode: {
    type: 'string',
    enum: Object.keys(ERROR_CODES),
    description:
      'What went wrong, for programs. The list is closed; `x-error-codes` has the status, the meaning and the advice of each.',
    'x-error-codes': ERROR_CODES,
  },
  ErrorBody: {
    type: 'object',
    description: 'The body of every error answer, unless application/problem+json is asked for.',
    required: ['success', 'error', 'error_code', 'help', 'timestamp', 'trace_id'],
    properties: {
      success: { type: 'boolean', enum: [false] },
      error: { type: 'string', description: 'A sentence for people.' },
      error_code: CODE,
      help: HELP,
      details: {
        type: 'array',
        description: 'What is wrong, field by field; the first 100.',
        items: {
          type: 'object',
          required: ['path', 'message'],
          properties: {
            path: { type: 'string', description: 'As in `payload.job_id`.' },
            pointer: { type: 'string', description: 'The same as a JSON Pointer; of fields of a JSON body.' },
            message: { type: 'string' },
          },
        },
      },
      violated_policies: POLICIES,
      timestamp: TIMESTAMP,
      trace_id: TRACE_ID,
      ...OF_ACTIONS,
    },
  },
  Problem: {
    type: 'object',
    description: 'The same in the form of RFC 9457, with `Accept: application/problem+json`.',
    required: ['type', 'title', 'status', 'detail', 'instance', 'code', 'help', 'timestamp', 'trace_id'],
    properties: {
      type: { type: 'string', format: 'uri', description: '`urn:agentos:error:` and the code.' },
      title: { type: 'string', description: 'What the code means; the same each time.' },
      status: { type: 'integer' },
      detail: { type: 'string', description: 'A sentence for people on this very case.' },
      instance: { type: 'string', format: 'uri', description: '`urn:agentos:trace:` and the trace id.' },
      code: CODE,
      help: HELP,
      errors: {
        type: 'array',
        description: 'What is wrong, field by field; the first 100.',
        items: {
          type: 'object',
          required: ['path', 'message'],
          properties: {
            path: {
              type: 'string',
              description: 'A JSON Pointer for a field of a JSON body, else the name of a parameter.',
            },
            message: { type: 'string' },
          },
        },
      },
      'violated-policies': POLICIES,
      timestamp: TIMESTAMP,
      trace_id: TRACE_ID,
      ...OF_ACTIONS,
    },
  },
};

/** Headers that responses refer to. */
export const HEADERS = {
  'X-Trace-Id': {
    description: 'Finds the request in logs and audit.',
    required: true,
    schema: { type: 'string' },
  },
  'Retry-After': {
    description: 'Seconds until another try may succeed.',
    schema: { type: 'integer', minimum: 1 },
  },
  'WWW-Authenticate': { description: 'How to sign in.', required: true, schema: { type: 'string' } },
};

/** On every answer. */
export const TRACE_HEADER = { 'X-Trace-Id': { $ref: '#/components/headers/X-Trace-Id' } };

/** The headers that error answers with these codes have. */
export function errorHeaders(codes: readonly ErrorCode[]): Record<string, { $ref: string }> {
  const infos = codes.map((code): ErrorCodeInfo => ERROR_CODES[code]);
  const names = [
    ...(infos.some(({ advice }) => advice.includes('Retry-After')) ? ['Retry-After'] : []),
    ...(infos.some(({ status }) => status === 401) ? ['WWW-Authenticate'] : []),
  ];
  return Object.fromEntries(names.map((name) => [name, { $ref: `#/components/headers/${name}` }]));
}
