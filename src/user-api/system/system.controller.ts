import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import {
  ApiExcludeEndpoint,
  ApiOkResponse,
  ApiProduces,
  ApiServiceUnavailableResponse,
  ApiTags,
} from '@nestjs/swagger';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { AppError } from '../../platform/errors/app-error';
import { Public } from '../../platform/http/access';
import { ApiData } from '../../platform/http/api-data';
import { ApiPublicErrors } from '../../platform/http/api-errors';
import { NoEnvelope } from '../../platform/http/envelope';
import '../../platform/http/request';
import { Db } from '../../platform/postgres/db';
import { RedisService } from '../../platform/redis/redis.service';
import { IpAllowList } from '../../platform/security/ip-allow-list';
import { ENV, type Env } from '../../platform/settings/env';
import { registry } from '../../platform/telemetry/metrics';
import { ReadModelMetrics } from '../../ssot/read-model-metrics';
import { Liveness, Readiness, type ReadinessCheck, RootInfo } from './system.dto';
import { productVersion } from './version';

/** The endpoints for machines: what this is, whether it lives, whether it is ready, its metrics. */
@ApiTags('system')
@Public()
@Controller()
export class SystemController {
  private readonly metricsReaders: IpAllowList;

  constructor(
    @Inject(ENV) private readonly env: Env,
    private readonly db: Db,
    private readonly redis: RedisService,
    private readonly readModel: ReadModelMetrics,
  ) {
    this.metricsReaders = new IpAllowList(env.adminIpAllowlist);
  }

  /** What this is, and where to go on. */
  @Get()
  @ApiData(RootInfo, { description: 'Name, version and addresses.' })
  root(): RootInfo {
    return {
      name: 'AgentOS',
      version: productVersion(),
      docs: '/docs',
      openapi: '/docs/openapi.json',
      websocket: `${this.env.publicUrl.replace(/^http/, 'ws').replace(/:\d+$/, '')}:${this.env.wsPort}`,
    };
  }

  /** Liveness: the process answers. It says nothing about Postgres or Redis; for that see /health/ready. */
  @Get('health')
  @NoEnvelope()
  @ApiOkResponse({ type: Liveness, description: 'The process lives.' })
  health(): Liveness {
    return { status: 'ok', uptime_s: Math.round(process.uptime()) };
  }

  /** Readiness: Postgres and Redis answer, so that this process can do its work. */
  @Get('health/ready')
  @NoEnvelope()
  @ApiOkResponse({ type: Readiness, description: 'The process can do its work.' })
  @ApiServiceUnavailableResponse({
    type: Readiness,
    description: 'Something that the process needs does not answer.',
  })
  async ready(@Res({ passthrough: true }) reply: FastifyReply): Promise<Readiness> {
    const checks = await Promise.all([
      check('postgres', () => this.db.ping()),
      check('redis', () => this.redis.client.ping()),
    ]);
    const ok = checks.every((one) => one.ok);
    void reply.status(ok ? 200 : 503);
    return { status: ok ? 'ready' : 'not_ready', checks };
  }

  /**
   * Metrics in the Prometheus text format, for addresses of the admin allow-list.
   *
   * @remarks Of this process, and of the installation as a whole: queues, workers, control loops, servers. The latter
   * are those of the read model, and the same in every process.
   */
  @Get('metrics')
  @NoEnvelope()
  @ApiProduces('text/plain')
  @ApiPublicErrors('IP_NOT_ALLOWED')
  @ApiOkResponse({ description: 'Prometheus text format 0.0.4', schema: { type: 'string' } })
  @Header('content-type', registry.contentType)
  async metrics(@Req() request: FastifyRequest): Promise<string> {
    if (!this.metricsReaders.contains(request.clientIp)) throw new AppError('IP_NOT_ALLOWED');
    const [own, shared] = await Promise.all([registry.metrics(), this.readModel.text()]);
    return `${own}\n${shared}`;
  }

  /** Browsers ask for it on every visit of /docs. */
  @Get('favicon.ico')
  @NoEnvelope()
  @ApiExcludeEndpoint()
  favicon(@Res({ passthrough: true }) reply: FastifyReply): void {
    void reply.status(204);
  }
}

/** A check that hangs is a check that failed. */
const CHECK_DEADLINE_MS = 2_000;

async function check(name: string, probe: () => Promise<unknown>): Promise<ReadinessCheck> {
  const started = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('timed out')), CHECK_DEADLINE_MS);
  });
  const ok = await Promise.race([probe(), deadline]).then(
    () => true,
    () => false,
  );
  clearTimeout(timer);
  return { name, ok, latency_ms: Math.round((performance.now() - started) * 10) / 10 };
}
