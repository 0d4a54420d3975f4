import { Inject, Injectable } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { actionCall, type CallExtras, sendAnswer } from '../../pipeline/http/action-call';
import { ActionRunner } from '../../pipeline/pipeline';
import { actionOfRoute } from './action-route';

/** A request to a route, and its answer. */
export interface Exchange {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}

/** How routes of the user API run actions. There is no other way, so that none runs one that it is not marked with. */
@Injectable()
export class RouteActions {
  constructor(@Inject(ActionRunner) private readonly runner: ActionRunner) {}

  /**
   * Runs an action by name, and answers with what comes of it.
   *
   * @throws Error where the route is not marked with `@RunsAction` of this action: what is refused there would not be
   *   on record
   */
  async run(
    action: string,
    payload: object,
    { request, reply }: Exchange,
    extras: CallExtras = {},
  ): Promise<void> {
    const { config, url } = request.routeOptions;
    const marked = actionOfRoute(config);
    if (!marked || (marked.name ?? action) !== action)
      throw new Error(`${request.method} ${url} runs ${action}: mark it with @RunsAction('${action}')`);
    sendAnswer(reply, await this.runner.run(action, payload, actionCall(request, extras)));
  }
}
