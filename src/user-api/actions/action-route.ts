import { applyDecorators } from '@nestjs/common';
import { RouteConfig } from '@nestjs/platform-fastify';
import { ApiExtension } from '@nestjs/swagger';
import { RUNS_ACTION_EXTENSION } from '../../pipeline/docs/route-of-action';

/** What the route of an action says of itself. */
interface ActionRouteConfig {
  readonly runsAction?: { readonly name: string | null };
}

/**
 * Marks a route of the user API that runs an action: what is refused there is on record as it is at the endpoint of
 * actions.
 *
 * @param name the action; null if the body decides
 */
export function RunsAction(name: string | null): MethodDecorator {
  const config: ActionRouteConfig = { runsAction: { name } };
  const described = name === null ? [] : [ApiExtension(RUNS_ACTION_EXTENSION, name)];
  return applyDecorators(RouteConfig(config), ...described);
}

/** What a route that runs an action is marked with; undefined for any other. */
export function actionOfRoute(config: object | undefined): ActionRouteConfig['runsAction'] {
  return (config as ActionRouteConfig | undefined)?.runsAction;
}
