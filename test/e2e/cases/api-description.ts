import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ERROR_CODES } from '../../../src/platform/errors/error-codes';
import type { Cluster } from '../../support/cluster';
import { PROJECT } from '../../support/process';

interface Operation {
  tags?: string[];
  summary?: string;
  operationId?: string;
  requestBody?: { content: Record<string, Media> };
  responses: Record<string, { description?: string; content?: Record<string, Media> }>;
}
interface Media {
  schema?: Schema;
  example?: unknown;
  examples?: Record<string, unknown>;
}
interface Schema {
  $ref?: string;
  properties?: Record<string, Schema & { example?: unknown }>;
  oneOf?: Schema[];
  discriminator?: { propertyName: string; mapping?: Record<string, string> };
  enum?: unknown[];
  [key: string]: unknown;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Schema> };
}

/** The most endpoints that there may be: what cannot be an action or a part of the read model must be rare. */
const MOST_ENDPOINTS = 50;
const METHODS = ['get', 'post', 'put', 'patch', 'delete'];

/** What docs/openapi.json says; the check that it is current is part of .ci/run. */
const document = JSON.parse(readFileSync(join(PROJECT, 'docs/openapi.json'), 'utf8')) as Document;
const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) =>
    item[method] ? [{ name: `${method.toUpperCase()} ${path}`, path, method, operation: item[method] }] : [],
  ),
);

/** The description of the API, which needs no process. */
export function apiDescription(): void {
  it(`has at most ${MOST_ENDPOINTS} endpoints`, () => {
    expect(operations.length).toBeGreaterThan(15);
    expect(operations.length).toBeLessThanOrEqual(MOST_ENDPOINTS);
  });

  it.each(operations)(
    '$name has a tag, a summary, an operation id and described answers',
    ({ path, operation }) => {
      if (!['/', '/health'].includes(path)) expect(operation.tags?.length ?? 0).toBeGreaterThan(0);
      expect(operation.summary ?? '').not.toBe('');
      expect(operation.operationId ?? '').not.toBe('');
      const success = Object.entries(operation.responses).filter(([status]) => /^[23]/.test(status));
      expect(success.length).toBeGreaterThan(0);
      for (const [, answer] of success) expect(answer.description ?? '').not.toBe('');
    },
  );

  it.each(operations.filter(({ path }) => path.startsWith('/api/')))(
    '$name documents its error codes',
    ({ operation }) => {
      const errors = Object.entries(operation.responses).filter(([status]) => /^[45]/.test(status));
      expect(errors.length).toBeGreaterThan(0);
      const text = JSON.stringify(errors);
      const codes = Object.keys(ERROR_CODES).filter((code) => text.includes(code));
      expect(codes.length).toBeGreaterThan(0);
      for (const [status, answer] of errors) {
        const named = Object.keys(ERROR_CODES).filter((code) => JSON.stringify(answer).includes(`${code}`));
        const statuses = named.map((code) => String(ERROR_CODES[code as keyof typeof ERROR_CODES].status));
        expect({ status, statuses }).toEqual({
          status,
          statuses: expect.arrayContaining([status]) as string[],
        });
      }
    },
  );

  it.each(operations.filter(({ operation }) => operation.requestBody?.content['application/json']))(
    '$name shows an example of what it takes',
    ({ operation }) => {
      const media = operation.requestBody?.content['application/json'];
      const shown = media?.example ?? media?.examples ?? resolve(media?.schema)?.['example'];
      const perField = Object.values(resolve(media?.schema)?.properties ?? {}).some(
        (field) => field.example !== undefined,
      );
      expect(shown !== undefined || perField).toBe(true);
    },
  );

  it('uses snake_case for every field and parameter', () => {
    const names = Object.values(document.components.schemas).flatMap((schema) =>
      Object.keys(schema.properties ?? {}),
    );
    const parameters = operations.flatMap(({ operation }) =>
      ((operation as { parameters?: { name: string; in: string }[] }).parameters ?? [])
        .filter((parameter) => parameter.in !== 'header')
        .map((parameter) => parameter.name),
    );
    expect(names.length).toBeGreaterThan(20);
    const others = [...names, ...parameters].filter((name) => !/^[a-z][a-z0-9]*(_[a-z0-9]+)*$/.test(name));
    // A member of problem details that a draft of the IETF names (ratelimit-headers, quota-exceeded).
    expect(others).toEqual(['violated-policies']);
  });

  it('describes each action by name, with its payload and an example', () => {
    const media = document.paths['/api/admin/action']?.['post']?.requestBody?.content['application/json'];
    const union = resolve(media?.schema);
    expect(union?.discriminator?.propertyName).toBe('action');
    const mapping = union?.discriminator?.mapping ?? {};
    expect(Object.keys(mapping)).toEqual(
      expect.arrayContaining([
        'job.retry',
        'job.cancel',
        'queue.pause',
        'queue.resume',
        'queue.clear',
        'system.health_check',
        'system.maintenance_mode_toggle',
        'job.export',
      ]),
    );
    expect(union?.oneOf?.map((schema) => schema.$ref).sort()).toEqual(Object.values(mapping).sort());
    for (const [action, ref] of Object.entries(mapping)) {
      const schema = resolve({ $ref: ref });
      expect({
        action,
        named: schema?.properties?.['action']?.enum ?? schema?.properties?.['action']?.['const'],
      }).toEqual({ action, named: [action] });
    }
    expect(Object.keys(media?.examples ?? {}).length).toBeGreaterThanOrEqual(Object.keys(mapping).length);
  });

  it('has no reference into the void', () => {
    const refs = [...JSON.stringify(document).matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, name]) => name ?? '',
    );
    expect(refs.filter((name) => !(name in document.components.schemas))).toEqual([]);
  });
}

/** What is served, against the description. */
export function servedApi(running: () => Cluster): void {
  let cluster: Cluster;
  beforeAll(() => {
    cluster = running();
  });

  it('serves the description that is committed', async () => {
    const served = await cluster.http().get('/docs/openapi.json');
    expect(JSON.parse(served.bytes.toString())).toMatchObject({
      paths: document.paths,
      components: { schemas: document.components.schemas },
    });
  });

  it('answers at every documented path, and asks for a token wherever it is needed', async () => {
    const open = [
      'GET /',
      'GET /health',
      'GET /health/ready',
      'GET /metrics',
      'POST /api/auth/login',
      'POST /api/auth/refresh',
      'GET /api/downloads/{token}',
      'GET /api/downloads/{token}/{name}',
    ];
    const statuses = await Promise.all(
      operations.map(async ({ name, path, method }) => {
        const url = path.replace(/\{[^}]+\}/g, '0190a5d0-0000-7000-8000-000000000000');
        const answer = await cluster
          .http()
          .call(method.toUpperCase(), url, method === 'get' ? {} : { json: {} });
        return {
          name,
          protected: answer.status === 401,
          missing: answer.status === 404 || answer.status === 405,
        };
      }),
    );
    expect(statuses.filter((status) => status.missing)).toEqual([]);
    expect(
      statuses
        .filter((status) => !status.protected)
        .map((status) => status.name)
        .sort(),
    ).toEqual([...open].sort());
  });
}

function resolve(schema: Schema | undefined): Schema | undefined {
  if (!schema?.$ref) return schema;
  return document.components.schemas[schema.$ref.replace('#/components/schemas/', '')];
}
