import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { createServer, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { SwarmService } from '../../../src/fleet/drivers/swarm/docker-engine';
import { temporaryFolder } from '../servers';
import type { TestEngine } from './harness';
import { StandInService } from './stand-in-service';

interface Answer {
  status: number;
  body: unknown;
}

/**
 * Not Docker: a stand-in for the engine of a Swarm of one node, for machines without one. It speaks the part of
 * the Engine API that the driver uses, and runs real processes, so that starts, ends, crashes and logs are
 * real. What it takes to be Docker's behaviour is checked against Docker itself by `npm run test:swarm`.
 */
export class EngineStandIn implements TestEngine {
  readonly image = 'none';
  readonly nodeId: string = randomUUID();
  /** Where new tasks seem to be placed. */
  placement = this.nodeId;
  private readonly services = new Map<string, StandInService>();
  private readonly server = createServer((request, response) => {
    void this.answer(request).then(({ status, body }) => {
      const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
      response.writeHead(status).end(bytes);
    });
  });

  private constructor(private readonly folder: string) {}

  get socketPath(): string {
    return join(this.folder, 'docker.sock');
  }

  static async start(): Promise<EngineStandIn> {
    const engine = new EngineStandIn(temporaryFolder('engine'));
    engine.server.listen(engine.socketPath);
    await once(engine.server, 'listening');
    return engine;
  }

  async close(): Promise<void> {
    await Promise.all([...this.services.values()].map((service) => service.remove()));
    this.server.closeAllConnections();
    this.server.close();
    rmSync(this.folder, { recursive: true, force: true });
  }

  private async answer(request: IncomingMessage): Promise<Answer> {
    const url = new URL(request.url ?? '', 'http://engine');
    const [collection = '', id = '', verb = ''] = url.pathname.slice(1).split('/');
    const body = await text(request);
    const filters = JSON.parse(url.searchParams.get('filters') ?? '{}') as Record<string, string[]>;
    switch (`${request.method} ${collection} ${id === 'create' ? id : verb}`.trim()) {
      case 'GET info':
        return ok({ Swarm: { NodeID: this.nodeId } });
      case 'GET tasks':
        return ok(filters['service']?.flatMap((service) => this.find(service)?.list() ?? []) ?? []);
      case 'POST services create':
        return this.create(JSON.parse(body) as SwarmService['Spec']);
      case 'POST containers kill': {
        const killed = [...this.services.values()].some((service) => service.kill(id));
        return killed ? { status: 204, body: '' } : refused(409, `Container ${id} is not running`);
      }
      case 'GET services':
        if (!id) return ok(this.list(filters['label'] ?? []));
    }
    const service = this.find(id);
    if (!service) return refused(404, `service ${id} not found`);
    switch (`${request.method} ${verb}`.trim()) {
      case 'GET':
        return ok(service.describe());
      case 'GET logs':
        return ok(service.log(Number(url.searchParams.get('tail'))));
      case 'DELETE':
        this.services.delete(service.id);
        await service.remove();
        return ok('');
      case 'POST update': {
        const version = Number(url.searchParams.get('version'));
        if (service.update(version, JSON.parse(body) as SwarmService['Spec'])) return ok({});
        return refused(500, 'rpc error: code = Unknown desc = update out of sequence');
      }
    }
    return refused(404, 'page not found');
  }

  private create(spec: SwarmService['Spec']): Answer {
    if (this.all().some((service) => service.Spec.Name === spec.Name)) {
      return refused(
        409,
        'rpc error: code = AlreadyExists desc = name conflicts with an existing object: service already exists',
      );
    }
    const service = new StandInService(spec, this.placement);
    this.services.set(service.id, service);
    return { status: 201, body: { ID: service.id } };
  }

  /** As in Docker, by id or by name. */
  private find(idOrName: string): StandInService | undefined {
    const byName = () =>
      [...this.services.values()].find((service) => service.describe().Spec.Name === idOrName);
    return this.services.get(idOrName) ?? byName();
  }

  private list(labels: string[]): SwarmService[] {
    return this.all().filter(({ Spec }) =>
      labels.every((wanted) =>
        Object.entries(Spec.Labels ?? {}).some(([name, value]) => `${name}=${value}` === wanted),
      ),
    );
  }

  private all(): SwarmService[] {
    return [...this.services.values()].map((service) => service.describe());
  }
}

function ok(body: unknown): Answer {
  return { status: 200, body };
}

function refused(status: number, message: string): Answer {
  return { status, body: { message } };
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString();
}
