import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { createApi } from '../../src/apps/api';
import { boot, type TestApp } from '../support/app';
import { PROJECT } from '../support/process';

/** What browsers ask for by themselves, and the pages of the description itself. */
const NOT_DESCRIBED = [/^GET \/favicon\.ico$/, /^GET \/docs(\/|-|$)/];

const document = JSON.parse(readFileSync(join(PROJECT, 'docs/openapi.json'), 'utf8')) as {
  tags: { name: string; description: string }[];
  paths: Record<string, Record<string, { tags?: string[] }>>;
};

describe('the routes of the api process', () => {
  let api: TestApp;
  const routes: string[] = [];

  beforeAll(async () => {
    api = await boot({}, async (env) => {
      const app: NestFastifyApplication = await createApi(env);
      app
        .getHttpAdapter()
        .getInstance()
        .addHook('onRoute', ({ method, url }) => {
          for (const verb of [method].flat())
            if (verb !== 'HEAD' && verb !== 'OPTIONS') routes.push(`${verb} ${url}`);
        });
      await app.init();
      return app;
    });
  });

  afterAll(() => api?.close());

  it('are all described: there is no way in that the documentation does not show', () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.keys(item).map((method) => `${method.toUpperCase()} ${path.replace(/\{(\w+)\}/g, ':$1')}`),
    );
    const product = [...new Set(routes)].filter((route) => !NOT_DESCRIBED.some((known) => known.test(route)));
    expect(product.sort()).toEqual(described.sort());
  });

  it('are at most fifty', () => {
    const operations = Object.values(document.paths).flatMap((item) => Object.keys(item));
    expect(operations.length).toBeLessThanOrEqual(50);
  });

  it('each stand in one group that the documentation explains, and no group is empty', () => {
    const explained = document.tags.filter((tag) => tag.description.length > 0).map((tag) => tag.name);
    const used = Object.values(document.paths).flatMap((item) =>
      Object.values(item).map(({ tags }) => (tags?.length === 1 ? tags[0] : `not one tag: ${String(tags)}`)),
    );
    expect([...new Set(used)].sort()).toEqual([...explained].sort());
  });
});
