import type { OpenAPIObject } from '@nestjs/swagger';
import Ajv from 'ajv';
import addFormats from 'ajv-formats';
import { createApi } from '../../src/apps/api';
import { openApiDocument } from '../../src/apps/openapi';
import { declaredCommands } from '../../src/pipeline/catalogue/action.decorator';
import { Catalogue } from '../../src/pipeline/catalogue/catalogue';
import { renderActionsMarkdown } from '../../src/pipeline/docs/actions-markdown';
import { routesOfActions } from '../../src/pipeline/docs/route-of-action';
import { renderSettingsMarkdown } from '../../src/pipeline/docs/settings-markdown';
import { settingsSchema } from '../../src/pipeline/openapi';
import { boot, type TestApp } from '../support/app';
import { brokenPayloads, optionsOf, productActions } from '../support/pipeline';

interface Variant {
  'x-admin': { action: string; permission: string; category: string; errors: string[] };
}
interface Schema {
  oneOf?: { $ref: string }[];
  discriminator?: { mapping: Record<string, string> };
}

let api: TestApp;
let document: OpenAPIObject;
let schemas: Record<string, Schema & Variant>;
let accepts: (request: unknown) => boolean;
let examples: Record<string, { value: unknown }>;

beforeAll(async () => {
  api = await boot({}, async (env) => {
    const app = await createApi(env);
    await app.init();
    document = openApiDocument(app);
    schemas = document.components?.schemas as unknown as typeof schemas;
    const operation = document.paths['/api/admin/action']?.post as unknown as {
      requestBody: { content: { 'application/json': { examples: typeof examples } } };
    };
    examples = operation.requestBody.content['application/json'].examples;
    const ajv = new Ajv({ strict: false, discriminator: false });
    addFormats(ajv);
    ajv.addSchema({ $id: 'api', components: document.components });
    const validate = ajv.compile({ $ref: 'api#/components/schemas/ActionRequest' });
    accepts = (request) => validate(request);
    return app;
  });
});
afterAll(() => api?.close());

describe('the description of the write endpoint', () => {
  it('has a variant for every action, told apart by its name', () => {
    const names = api
      .get(Catalogue)
      .all()
      .map((entry) => entry.name);
    expect(Object.keys(schemas['ActionRequest']?.discriminator?.mapping ?? {})).toEqual(names);
    expect(schemas['ActionRequest']?.oneOf).toHaveLength(names.length);
  });

  it('says of each action what a console needs to know', () => {
    for (const [name, ref] of Object.entries(schemas['ActionRequest']?.discriminator?.mapping ?? {})) {
      const admin = schemas[ref.split('/').at(-1) ?? '']?.['x-admin'];
      expect(admin).toMatchObject({ action: name, permission: name });
      expect(admin?.category).toBeTruthy();
    }
  });

  it('has an example of each that it accepts itself', () => {
    for (const [name, { value }] of Object.entries(examples))
      expect([name, accepts(value)]).toEqual([name, true]);
  });

  it('refuses what the validator refuses', () => {
    for (const action of productActions(declaredCommands())) {
      for (const [what, payload] of brokenPayloads(action)) {
        const request = { action: action.name, payload, ...optionsOf(action) };
        expect([action.name, what, accepts(request)]).toEqual([action.name, what, false]);
      }
    }
  });

  it.each([
    [{ dry_run: 'yes' }],
    [{ wait_ms: -1 }],
    [{ wait_ms: 30_001 }],
    [{ reason: 'x'.repeat(501) }],
    [{ nonsense: true }],
  ])('refuses the options %j', (options) => {
    expect(accepts({ action: 'queue.pause', payload: { queue: 'inspector' }, options })).toBe(false);
  });

  it('is told to people, too', () => {
    const text = renderActionsMarkdown(api.get(Catalogue), routesOfActions(document));
    for (const { name } of api.get(Catalogue).all()) expect(text).toContain(`### ${name}\n`);
  });

  it('tells people of the routes that run an action, and of no others', () => {
    const routes = routesOfActions(document);
    const text = renderActionsMarkdown(api.get(Catalogue), routes);
    expect(routes.get('job.cancel')).toEqual(['POST /api/jobs/{job_id}/cancel']);
    expect(text).toContain('`POST /api/jobs/{job_id}/cancel` runs it, too: for users, on what is theirs.');
    expect(routes.get('job.delete')).toBeUndefined();
  });

  it('tells of every setting what it means, and what it is unless it is set', () => {
    const text = renderSettingsMarkdown(settingsSchema(document));
    expect(text).toContain(
      '| `uploads.max_open_per_user` | `20` | 1 to 1000 | Unfinished uploads that a user',
    );
    expect(text).toContain('| `fleet.pools.NAME.max` | `32` | 0 to 32 | The most that there may be. |');
    const rows = text.split('\n').filter((row) => row.startsWith('| `'));
    expect(rows.filter((row) => row.endsWith('|  |'))).toEqual([]);
  });
});
