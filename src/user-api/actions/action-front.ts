import { Inject, Injectable, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ACTION_PATH, ActionEndpoint } from '../../pipeline/http/action-endpoint';
import { AdminDoor } from '../auth/admin-door';

/**
 * Runs actions in front of Nest's router, whose guards, pipes and interceptors cost more than the pipeline. Everything
 * that decides is the same code as behind it.
 */
@Injectable()
export class ActionFront implements OnModuleInit {
  constructor(
    @Inject(HttpAdapterHost) private readonly host: HttpAdapterHost,
    @Inject(AdminDoor) private readonly door: AdminDoor,
    @Inject(ActionEndpoint) private readonly endpoint: ActionEndpoint,
  ) {}

  onModuleInit(): void {
    const fastify = (
      this.host.httpAdapter as ReturnType<NestFastifyApplication['getHttpAdapter']>
    ).getInstance();
    fastify.addHook('preHandler', (request, reply, done) => {
      if (request.method === 'POST' && request.routeOptions.url === ACTION_PATH)
        this.handle(request, reply, done);
      else done();
    });
  }

  private handle(request: FastifyRequest, reply: FastifyReply, next: (error?: Error) => void): void {
    this.door
      .enter(request)
      .then((actor) => {
        if (!actor) return next();
        request.actor = actor;
        return this.endpoint.run(request, reply);
      })
      .catch(next);
  }
}
