import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { ERROR_CODES } from '../../src/platform/errors/error-codes';
import type { ApiDocument } from '../fuzz/document';
import { Fuzzer } from '../fuzz/fuzzer';
import type { FuzzRequest } from '../fuzz/requests';

/** A description of an API with one endpoint, as the product would describe it. */
const DOCUMENT = {
  paths: {
    '/things': {
      post: {
        security: [{}],
        requestBody: {
          required: true,
          content: {
            'application/json': {
              schema: {
                type: 'object',
                additionalProperties: false,
                required: ['size'],
                properties: {
                  size: { type: 'integer', minimum: 1, maximum: 9 },
                  name: { type: 'string', minLength: 2, maxLength: 5 },
                  since: { type: 'string', format: 'date-time' },
                  kinds: { type: 'array', minItems: 1, items: { type: 'string', enum: ['a', 'b'] } },
                },
              },
            },
          },
        },
        responses: {
          200: {
            headers: { 'X-Trace-Id': { required: true } },
            content: {
              'application/json': {
                schema: { type: 'object', required: ['id'], properties: { id: { type: 'string' } } },
              },
            },
          },
          400: { 'x-error-codes': ['VALIDATION_ERROR'], content: { 'application/json': { schema: {} } } },
        },
      },
    },
  },
  components: { schemas: {}, headers: {} },
} as unknown as ApiDocument;

const TRACE = { 'x-trace-id': 'trace-12345678' };
const JSON_TYPE = { 'content-type': 'application/json' };
const ERROR = {
  error_code: 'VALIDATION_ERROR',
  help: ERROR_CODES.VALIDATION_ERROR.advice,
  trace_id: TRACE['x-trace-id'],
};

type Reply = [status: number, headers: Record<string, string>, body: unknown];
const GOOD: Reply = [200, { ...TRACE, ...JSON_TYPE }, { id: 'x' }];

describe('the fuzzer', () => {
  let server: Server;
  let fuzzer: Fuzzer;
  let reply: Reply;

  beforeAll(async () => {
    server = createServer((request: IncomingMessage, response: ServerResponse) => {
      request.resume().on('end', () => {
        const [status, headers, body] = reply;
        response.writeHead(status, headers).end(JSON.stringify(body));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    fuzzer = new Fuzzer(DOCUMENT, `http://127.0.0.1:${(server.address() as AddressInfo).port}`, 7);
  });
  afterAll(() => {
    fuzzer?.close();
    server?.close();
  });

  const faultsOf = async (answer: Reply): Promise<string> => {
    reply = answer;
    const [request] = fuzzer.valid(fuzzer.operations[0] as (typeof fuzzer.operations)[0], 1) as [FuzzRequest];
    return (await fuzzer.send(request)).faults.join('\n');
  };

  it.each<[string, Reply, RegExp]>([
    ['a server error', [500, GOOD[1], {}], /a server error/],
    ['a status that is not declared', [404, GOOD[1], ERROR], /status 404 is not declared/],
    [
      'a content type that is not declared',
      [200, { ...TRACE, 'content-type': 'text/html' }, ''],
      /content type text\/html/,
    ],
    ['a field that is missing', [200, GOOD[1], {}], /does not match its schema/],
    ['a field that is not declared', [200, GOOD[1], { id: 'x', more: 1 }], /additional properties/],
    ['a value of the wrong type', [200, GOOD[1], { id: 5 }], /must be string/],
    ['a header that is missing', [200, JSON_TYPE, { id: 'x' }], /header X-Trace-Id is missing/],
    [
      'a code that is not declared',
      [400, GOOD[1], { ...ERROR, error_code: 'CONFLICT' }],
      /code CONFLICT is not declared/,
    ],
    ['missing advice', [400, GOOD[1], { ...ERROR, help: '' }], /advice is missing/],
    [
      'another trace id',
      [400, GOOD[1], { ...ERROR, trace_id: 'other' }],
      /trace id of body and header differ/,
    ],
    ['a stack', [400, GOOD[1], { ...ERROR, error: 'Error: x\n at f (/app/dist/a.js:1:2)' }], /gives away/],
    ['SQL', [400, GOOD[1], { ...ERROR, error: 'syntax error at or near "x"' }], /gives away/],
  ])('notices %s', async (_name, answer, fault) => {
    expect(await faultsOf(answer)).toMatch(fault);
  });

  it('has nothing against what is as described', async () => {
    expect(await faultsOf(GOOD)).toBe('');
    expect(await faultsOf([400, GOOD[1], ERROR])).toBe('');
  });

  it('makes up the same from the same seed, valid requests that fit and broken ones that do not', () => {
    const [operation] = fuzzer.operations as [(typeof fuzzer.operations)[0]];
    const valid = fuzzer.valid(operation, 50);
    expect(fuzzer.valid(operation, 50)).toEqual(valid);
    for (const { body } of valid) {
      const { size, name, kinds } = body as { size: number; name?: string; kinds?: string[] };
      expect(Number.isInteger(size) && size >= 1 && size <= 9).toBe(true);
      if (name !== undefined) expect([...name].length).toBeGreaterThanOrEqual(2);
      if (kinds !== undefined) expect(kinds.length).toBeGreaterThanOrEqual(1);
    }
    const broken = fuzzer.broken(operation, 1).map((request) => request.broken);
    for (const label of [
      'size: missing',
      'size: below the minimum',
      'size: above the maximum',
      'size: of type string',
      'name: too long',
      'name: too short',
      'since: no date-time: yesterday',
      'kinds: with a wrong item',
      'the body: with a key "__proto__"',
      'the body: with a key "nonsense"',
      'the body: with a doubled key',
      'the body: of type array',
      'kinds: half of a surrogate pair',
    ])
      expect(broken).toContain(label);
  });
});
