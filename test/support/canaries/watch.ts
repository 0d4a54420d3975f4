import { Redis } from 'ioredis';
import { ADMIN_TOPICS } from '../../../src/gateway/topics';
import { Cluster } from '../cluster';
import { eventually } from '../eventually';
import type { HttpClient } from '../http-client';
import { OtlpCollector } from '../otlp-collector';
import { newKey } from '../pipeline';
import { TEST_SETTINGS } from '../users';
import type { WsClient } from '../ws-client';
import { Canaries } from './canaries';
import { AnswerRecord, RecordingClient } from './recording-client';
import { RedisMonitor } from './redis-monitor';
import { word } from './secrets';
import { files, redisKeys, tables } from './stores';

/** An export, as its action answers. */
interface Exported {
  download_url: string;
}

/**
 * The product as real processes that log all that they can, and everything that they keep, write, answer and tell.
 * The second api exports its spans.
 */
export class Watch {
  readonly canaries = new Canaries();
  private readonly sockets: [string, WsClient][] = [];

  private constructor(
    readonly cluster: Cluster,
    private readonly collector: OtlpCollector,
    private readonly record: AnswerRecord,
    /** Somebody who may do and see everything. */
    readonly admin: RecordingClient,
    /** Somebody with jobs of their own. */
    readonly user: RecordingClient,
    readonly userId: string,
    /** What a service is asked with that is called by the account "scorer". */
    readonly accountToken: string,
    private readonly redis: Redis,
    private readonly monitor: RedisMonitor,
  ) {}

  static async start(): Promise<Watch> {
    const collector = await OtlpCollector.start();
    const accountToken = word();
    const cluster = await Cluster.start({
      apis: 1,
      variables: {
        LOG_LEVEL: 'trace',
        HTTP_TIMEOUT_MS: '5000',
        HTTP_AGENT_TOKENS: `scorer=${accountToken}`,
      },
      keptLines: 1_000_000,
      settings: TEST_SETTINGS,
    });
    await cluster.startApi(undefined, {
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.endpoint,
      OTEL_BSP_SCHEDULE_DELAY: '50',
    });
    const [admin, user] = [await cluster.user('admin'), await cluster.user('user')];
    const redisUrl = cluster.environment['REDIS_URL'] ?? '';
    const redis = new Redis(redisUrl);
    const record = new AnswerRecord();
    const recorded = ({ client }: { client: HttpClient }) =>
      new RecordingClient(client.baseUrl, client.token, record);
    const watch = new Watch(
      cluster,
      collector,
      record,
      recorded(admin),
      recorded(user),
      user.user.id,
      accountToken,
      redis,
      await RedisMonitor.start(redisUrl),
    );
    for (const api of [0, 1]) await watch.listen(admin.client, api);
    return watch;
  }

  /** Runs an action at one api, and again at the other. @returns the status of the first answer */
  async act(action: string, payload: object, options?: object, headers = {}): Promise<number> {
    const extra = { ...(options ? { options } : {}) };
    const [first] = [
      await this.admin.action(action, payload, { ...extra, headers: { ...newKey(), ...headers } }),
      await this.admin
        .at(this.cluster.url(1))
        .action(action, payload, { ...extra, headers: { ...newKey(), ...headers } }),
    ];
    return first.status;
  }

  /** Follows every topic of an api's gateway. */
  private async listen(client: HttpClient, api: number): Promise<void> {
    const socket = await this.cluster.socket(client, api);
    for (const topic of ADMIN_TOPICS.keys()) await socket.subscribe(topic);
    this.keep(`api ${api}`, socket);
  }

  /** Has all frames of a connection among what is looked at. */
  keep(name: string, socket: WsClient): void {
    this.sockets.push([name, socket]);
  }

  /** Everything, once what was under way has arrived. */
  async stores(): Promise<Map<string, string>> {
    await this.ask();
    const { cluster } = this;
    const stream = `${cluster.environment['REDIS_PREFIX']}:logs:in`;
    await eventually(async () => expect(await this.redis.xlen(stream)).toBe(0));
    const commands = this.monitor.commands();
    const stores: Record<string, string> = {
      ...(await tables(cluster)),
      ...(await redisKeys(this.redis, cluster.environment['REDIS_PREFIX'] ?? '')),
      ...files(cluster.folder),
      'commands to redis': commands.filter((command) => !READ_MODEL.test(command)).join('\n'),
      'commands of the ssot': commands.filter((command) => READ_MODEL.test(command)).join('\n'),
      spans: this.collector.bodies.map((body) => body.toString('latin1')).join('\n'),
    };
    for (const service of [...cluster.apis, ...cluster.workers, ...cluster.managers])
      stores[`output of ${service.name}`] = service.tail(1_000_000);
    for (const [name, socket] of this.sockets)
      for (const frame of socket.frames) {
        const key = `frames of ${frame.topic ?? frame.type} at ${name}`;
        stores[key] = `${stores[key] ?? ''}\n${JSON.stringify(frame)}`;
      }
    for (const { request, status, text } of this.record.answers) {
      const key = `answers to ${request} with ${status}`;
      stores[key] = `${stores[key] ?? ''}\n${text}`;
    }
    return new Map(Object.entries(stores));
  }

  async stop(): Promise<void> {
    this.monitor.stop();
    this.redis.disconnect();
    for (const [, socket] of this.sockets) await socket.close();
    await this.cluster.stop();
    await this.collector.close();
  }

  /** Asks for everything that can be read. */
  private async ask(): Promise<void> {
    for (const api of [0, 1]) {
      const admin = this.admin.at(this.cluster.url(api));
      for (const path of READABLE) await admin.get(path);
      for (const outcome of [undefined, 'denied', 'failed', 'succeeded'])
        await admin.action('logs.search_audit', { limit: 200, ...(outcome ? { outcome } : {}) });
      await admin.action('config.list_users', {});
      for (const [action, format] of EXPORTS) {
        const { data } = await admin.action<Exported>(
          action,
          { format },
          { headers: newKey(), options: { wait_ms: 20_000 } },
        );
        await admin.get(new URL(data.download_url).pathname);
      }
    }
  }
}

const READ_MODEL = /:admin:dashboard:|:feed:ssot|\/dashboard\/recent_jobs/;

const READABLE = [
  '/metrics',
  '/api/admin/ssot',
  '/api/admin/ssot/dashboard',
  '/api/admin/ssot/health',
  '/api/admin/action/status',
  '/api/agents/status',
  '/api/agents/config',
  '/api/agents/health',
  '/api/agents/logs/inspector',
  '/api/agents/logs/model',
  '/api/queue/details',
  '/api/jobs/history',
  '/api/jobs/summary/stats',
  '/api/upload',
  '/api/analytics/metrics',
];

const EXPORTS = [
  ['logs.export_audit', 'csv'],
  ['logs.export_audit', 'ndjson'],
  ['job.export', 'csv'],
  ['job.export', 'ndjson'],
] as const;
