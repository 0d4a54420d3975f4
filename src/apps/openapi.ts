import type { INestApplication } from '@nestjs/common';
import { DocumentBuilder, type OpenAPIObject, SwaggerModule } from '@nestjs/swagger';
import { ERROR_CODES } from '../platform/errors/error-codes';
import { Catalogue } from '../pipeline/catalogue/catalogue';
import { actionModels, describeActions } from '../pipeline/openapi';
import { productVersion } from '../user-api/system/version';
import metadata from '../metadata';

/** The OpenAPI document of the application, made from its routes and DTO classes. */
export async function openApiDocument(app: INestApplication): Promise<OpenAPIObject> {
  await SwaggerModule.loadPluginMetadata(metadata);
  const config = new DocumentBuilder()
    .setTitle('AgentOS')
    .setDescription(
      'Long videos in, short clips out. Sign in with `POST /api/auth/login`, send the access token as ' +
        '`Authorization: Bearer ...`. Administration: one write endpoint, `POST /api/admin/action`, and one read ' +
        'model, `GET /api/admin/ssot`. Live updates: WebSocket, see docs/asyncapi.yaml.',
    )
    .setVersion(productVersion())
    .setLicense('MIT', 'https://opensource.org/license/mit')
    .addBearerAuth({ type: 'http', scheme: 'bearer', bearerFormat: 'JWT' })
    .build();
  const catalogue = app.get(Catalogue);
  const document = SwaggerModule.createDocument(app, config, {
    autoTagControllers: false,
    extraModels: actionModels(catalogue),
    operationIdFactory: (controller, method) => `${controller.replace(/Controller$/, '')}_${method}`,
  });
  document.components = {
    ...document.components,
    schemas: { ...document.components?.schemas, ErrorBody: errorSchema() },
  };
  describeActions(document, catalogue);
  return document;
}

function errorSchema() {
  return {
    type: 'object',
    description: 'The body of every error answer.',
    required: ['success', 'error', 'error_code', 'timestamp', 'trace_id'],
    properties: {
      success: { type: 'boolean', enum: [false] },
      error: { type: 'string', description: 'A sentence for people.' },
      error_code: {
        type: 'string',
        enum: Object.keys(ERROR_CODES),
        description: 'For programs; see docs/errors.md.',
      },
      details: {
        type: 'array',
        items: {
          type: 'object',
          required: ['path', 'message'],
          properties: { path: { type: 'string' }, message: { type: 'string' } },
        },
      },
      timestamp: { type: 'string', format: 'date-time' },
      trace_id: { type: 'string' },
    },
  };
}
