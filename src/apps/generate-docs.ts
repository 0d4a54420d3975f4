import { writeFile } from 'node:fs/promises';
import { Catalogue } from '../pipeline/catalogue/catalogue';
import { renderActionsMarkdown } from '../pipeline/docs/actions-markdown';
import { routesOfActions } from '../pipeline/docs/route-of-action';
import { renderErrorsMarkdown } from '../pipeline/docs/errors-markdown';
import { renderSettingsMarkdown } from '../pipeline/docs/settings-markdown';
import { renderEnvExample } from '../platform/settings/env-example';
import { loadEnv } from '../platform/settings/env';
import { API_VERSION } from '../platform/http/api-version';
import { settingsSchema } from '../pipeline/openapi';
import { createApi } from './api';
import { contractOf } from './api-contract';
import { openApiDocument } from './openapi';

/**
 * Writes what is generated from the code: docs/openapi.json, docs/actions.md, docs/errors.md, docs/settings.md and
 * .env.example.
 * What a new version of the API promises is written to docs/api once, and not touched again.
 * Run by `npm run docs:generate` from the project's folder. Nothing is connected to: the application is put
 * together, but not started.
 */
async function generate(): Promise<void> {
  const app = await createApi({ ...loadEnv({ LOG_LEVEL: 'silent' }), offline: true });
  const document = openApiDocument(app);
  await writeFile('docs/openapi.json', `${JSON.stringify(document, null, 2)}\n`);
  await writeFile(`docs/api/${API_VERSION}.txt`, `${contractOf(document).join('\n')}\n`, {
    flag: 'wx',
  }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error;
  });
  await writeFile('docs/actions.md', renderActionsMarkdown(app.get(Catalogue), routesOfActions(document)));
  await writeFile('docs/errors.md', renderErrorsMarkdown());
  await writeFile('docs/settings.md', renderSettingsMarkdown(settingsSchema(document)));
  await writeFile('.env.example', renderEnvExample());
}

generate().then(
  () => process.exit(0),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
