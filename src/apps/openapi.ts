import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { Catalogue } from '../pipeline/catalogue/catalogue';
import { actionModels, describeActions } from '../pipeline/openapi';
import { describeErrors } from '../platform/http/openapi-errors';
import { productVersion } from '../user-api/system/version';
import metadata from '../metadata';
import { describeInputs, operationIdOf } from './openapi-inputs';

const DESCRIPTION = `Long videos in, short clips out. Sign in with \`POST /api/auth/login\`, send the access token as \
\`Authorization: Bearer ...\`. Administration: one write endpoint, \`POST /api/admin/action\`, and one read model, \
\`GET /api/admin/ssot\`. Live updates: WebSocket, see docs/asyncapi.yaml.

Errors have the form of \`ErrorBody\`, or with \`Accept: application/problem+json\` that of RFC 9457; switch on the \
code. Whatever the path, a request that is no valid HTTP or JSON is answered with 400, an unknown path with 404, a \
method that the path does not have with 405 and \`Allow\`, headers that are too large with 431, and one that takes too \
long to arrive with 408. Every answer has an \`X-Trace-Id\`.

Every answer names the version of the API, a date, in \`API-Version\`. A client that sends this header is answered by \
that version, or with 400 API_VERSION_UNKNOWN by a server that does not have it.`;

/** The groups of endpoints, in the order in which a reader meets them. Every endpoint belongs to one. */
const TAGS: readonly [name: string, description: string][] = [
  ['auth', 'Signing in, renewing a session, signing out.'],
  ['upload', 'Sending a video in, chunk by chunk.'],
  ['jobs', 'Work on a video: made, followed, cancelled, retried.'],
  ['agents', 'What works on jobs: how it stands, does, and is set up.'],
  ['clips', 'What a job produced.'],
  ['queue', 'How much work waits, who does it, how fast it goes.'],
  ['analytics', 'What came of the jobs of a day, a week or a month.'],
  ['downloads', 'Files behind signed, expiring links.'],
  ['admin', 'The one write endpoint and the one read model of administration.'],
  ['system', 'What this is, whether it lives, whether it is ready, its metrics.'],
];

/** Tells Swagger what the compiler knew of the DTO classes; {@link openApiDocument} needs it done once. */
export async function loadOpenApiMetadata(): Promise<void> {
  await SwaggerModule.loadPluginMetadata(metadata);
}

/** The OpenAPI document of the application, made from its routes and DTO classes. Takes some 150 ms. */
export function openApiDocument(app: INestApplication): OpenAPIObject {
  const config = new DocumentBuilder()
    .setTitle('AgentOS')
    .setDescription(DESCRIPTION)
    .setVersion(productVersion())
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' });
  for (const [name, description] of TAGS) config.addTag(name, description);
  const catalogue = app.get(Catalogue);
  const document = SwaggerModule.createDocument(app, config.build(), {
    autoTagControllers: false,
    extraModels: actionModels(catalogue),
    operationIdFactory: operationIdOf,
  });
  describeInputs(document, app);
  describeActions(document, catalogue);
  describeErrors(document);
  return document;
}
