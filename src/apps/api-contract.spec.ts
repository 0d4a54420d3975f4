import type { OpenAPIObject } from '@nestjs/swagger';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { API_VERSION, API_VERSIONS } from '../platform/http/api-version';
import { brokenPromises, contractOf } from './api-contract';

const DOCS = join(__dirname, '../../docs');
const read = (): OpenAPIObject =>
  JSON.parse(readFileSync(join(DOCS, 'openapi.json'), 'utf8')) as OpenAPIObject;
const promised = (version: string): string[] =>
  readFileSync(join(DOCS, 'api', `${version}.txt`), 'utf8')
    .trimEnd()
    .split('\n');

/** A change of the description, by the name of a schema and what becomes of it. */
interface Editable {
  properties: Record<string, { type?: string; enum?: string[]; nullable?: boolean }>;
  required?: string[];
}
const changed = (name: string, change: (schema: Editable) => void): string[] => {
  const document = read();
  change(document.components?.schemas?.[name] as unknown as Editable);
  return brokenPromises(contractOf(read()), contractOf(document));
};

describe('the contract of the API', () => {
  it('holds what the newest version promises: what breaks it needs a new version', () => {
    // If this fails: undo what broke the promise, or do as docs/decisions/0025 says for a new version.
    expect(brokenPromises(promised(API_VERSION), contractOf(read()))).toEqual([]);
  });

  it('is kept for each version that there is, and for no other', () => {
    const files = readdirSync(join(DOCS, 'api')).sort();
    expect(files).toEqual(API_VERSIONS.map((version) => `${version}.txt`));
  });

  it.each<[string, string, (schema: Editable) => void]>([
    ['a field of an answer that is gone', 'JobView', ({ properties }) => delete properties['status']],
    ['one of another type', 'JobView', ({ properties }) => (properties['progress'] = { type: 'string' })],
    [
      'one that can be null now',
      'JobView',
      ({ properties }) => (properties['job_id'] = { type: 'string', nullable: true }),
    ],
    ['one that is not always there', 'JobView', (schema) => (schema.required = [])],
    [
      'a field of a request that is not accepted',
      'CreateJobBody',
      ({ properties }) => delete properties['title'],
    ],
    [
      'one that is needed now',
      'CreateJobBody',
      (schema) => (schema.required = [...(schema.required ?? []), 'title']),
    ],
  ])('is broken by %s', (_what, name, change) => {
    expect(changed(name, change)).not.toEqual([]);
  });

  it('is broken by an endpoint that is gone, and by a value that is not accepted any more', () => {
    const document = read();
    delete document.paths['/api/jobs/{job_id}'];
    expect(brokenPromises(contractOf(read()), contractOf(document))).toContainEqual(
      expect.stringContaining('GET /api/jobs/{job_id}'),
    );
    expect(brokenPromises(['accepts POST /x a = "1"', 'object POST /x a'], ['object POST /x a'])).toEqual([
      'no more: accepts POST /x a = "1"',
    ]);
  });

  it('is not broken by what is added', () => {
    expect(
      changed('JobView', (schema) => {
        schema.properties['more'] = { type: 'string' };
        schema.required = [...(schema.required ?? []), 'more'];
      }),
    ).toEqual([]);
    expect(changed('CreateJobBody', ({ properties }) => (properties['more'] = { type: 'string' }))).toEqual(
      [],
    );
    // Of what is new as a whole anything may be needed.
    expect(brokenPromises([], ['object POST /new a', 'needs POST /new a.b'])).toEqual([]);
  });
});
