import type { INestApplication, Type } from '@nestjs/common';
import { ROUTE_ARGS_METADATA } from '@nestjs/common/constants';
import { RouteParamtypes } from '@nestjs/common/enums/route-paramtypes.enum';
import { ModulesContainer } from '@nestjs/core';
import type { OpenAPIObject } from '@nestjs/swagger';
import { type PayloadSchema, payloadSchema } from '../pipeline/docs/payload-schema';

type Operation = NonNullable<OpenAPIObject['paths'][string]['get']>;
type Parameter = Exclude<NonNullable<Operation['parameters']>[number], { $ref: string }>;
type Schemas = Record<string, PayloadSchema | undefined>;

/** The classes that a route's inputs are validated by. */
interface Inputs {
  bodies: Type[];
  /** Of path and query. */
  parameters: Type[];
}

/** The name of an operation in the document. */
export function operationIdOf(controller: string, method: string): string {
  return `${controller.replace(/Controller$/, '')}_${method}`;
}

/**
 * Describes what routes take by the rules that it is validated by, exactly: the Swagger plugin understands some of
 * the rules only. Changes the document.
 */
export function describeInputs(document: OpenAPIObject, app: INestApplication): void {
  const schemas = (document.components?.schemas ?? {}) as Schemas;
  const described = (type: Type): PayloadSchema | undefined => schemas[type.name];
  const inputs = inputsByOperation(app);
  for (const operation of operationsOf(document)) {
    const { bodies, parameters } = inputs.get(operation.operationId ?? '') ?? { bodies: [], parameters: [] };
    for (const type of bodies) {
      const schema = payloadSchema(type, described);
      schemas[type.name] = schema;
      if (operation.requestBody && 'content' in operation.requestBody)
        operation.requestBody.required = (schema.required ?? []).length > 0;
    }
    for (const type of parameters) describeParameters(operation, payloadSchema(type, described));
  }
}

function describeParameters(operation: Operation, schema: PayloadSchema): void {
  for (const parameter of (operation.parameters ?? []) as Parameter[]) {
    const exact = parameter.in === 'header' ? undefined : schema.properties?.[parameter.name];
    if (!exact) continue;
    const shown = (parameter.schema ?? {}) as PayloadSchema;
    parameter.schema = {
      ...(shown.example === undefined ? {} : { example: shown.example }),
      ...exact,
    };
    parameter.required = parameter.in === 'path' || (schema.required ?? []).includes(parameter.name);
  }
}

function operationsOf(document: OpenAPIObject): Operation[] {
  return Object.values(document.paths).flatMap((item) =>
    [item.get, item.post, item.put, item.patch, item.delete].filter((one) => one !== undefined),
  );
}

function inputsByOperation(app: INestApplication): Map<string, Inputs> {
  const controllers = [...app.get(ModulesContainer).values()].flatMap((module) => [
    ...module.controllers.values(),
  ]);
  const found = new Map<string, Inputs>();
  for (const { metatype } of controllers) {
    if (typeof metatype !== 'function') continue;
    const prototype = metatype.prototype as object;
    for (const method of Object.getOwnPropertyNames(prototype)) {
      const id = operationIdOf(metatype.name, method);
      found.set(id, inputsOf(metatype, prototype, method));
    }
  }
  return found;
}

function inputsOf(controller: object, prototype: object, method: string): Inputs {
  const types = (Reflect.getMetadata('design:paramtypes', prototype, method) ?? []) as Type[];
  const args = (Reflect.getMetadata(ROUTE_ARGS_METADATA, controller, method) ?? {}) as Record<
    string,
    { index: number }
  >;
  const of = (...kinds: RouteParamtypes[]): Type[] =>
    Object.entries(args)
      .filter(([key]) => kinds.includes(Number(key.split(':')[0])))
      .flatMap(([, { index }]) => types[index] ?? []);
  return { bodies: of(RouteParamtypes.BODY), parameters: of(RouteParamtypes.QUERY, RouteParamtypes.PARAM) };
}
