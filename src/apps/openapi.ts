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
long to arrive with 408. Every answer has an \`X-Trace-Id\`.`;

/** The OpenAPI document of the application, made from its routes and DTO classes. */
export async function openApiDocument(app: INestApplication): Promise<OpenAPIObject> {
  await SwaggerModule.loadPluginMetadata(metadata);
  const config = new DocumentBuilder()
    .setTitle('AgentOS')
    .setDescription(DESCRIPTION)
    .setVersion(productVersion())
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .build();
  const catalogue = app.get(Catalogue);
  const document = SwaggerModule.createDocument(app, config, {
    autoTagControllers: false,
    extraModels: actionModels(catalogue),
    operationIdFactory: operationIdOf,
  });
  describeInputs(document, app);
  describeActions(document, catalogue);
  describeErrors(document);
  return document;
}
