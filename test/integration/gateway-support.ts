import { v7 as uuidv7 } from 'uuid';
import { LiveFeed } from '../../src/platform/feed/live-feed';
import { eventually } from '../support/eventually';
import { GatewayDocument } from '../support/gateway-document';
import { WsClient } from '../support/ws-client';
import { ReadsideTest, type Person, type ReadProcess } from './readside-support';

/** What events of a topic must have besides their number. */
const SHAPES: Readonly<Record<string, object>> = {
  queues: { queue: 'clip-renderer' },
  executions: { execution_id: uuidv7(), action: 'queue.clear', status: 'running' },
};
const OF_A_JOB = { kind: 'progress' };

/** Two api processes with a gateway each, and raw clients of them whose every frame is checked against the document. */
export class GatewayTest {
  private readonly clients: WsClient[] = [];
  private readonly document = new GatewayDocument();

  private constructor(
    readonly readside: ReadsideTest,
    readonly a: ReadProcess,
    readonly b: ReadProcess,
    readonly admin: Person,
  ) {}

  static async start(): Promise<GatewayTest> {
    const readside = await ReadsideTest.start({ WS_ORIGINS: 'https://console.example.com' });
    const [a, b] = [await readside.api(), await readside.api()];
    return new GatewayTest(readside, a, b, await readside.person(a));
  }

  get feed(): LiveFeed {
    return this.a.get(LiveFeed);
  }

  /** A client that is signed in. */
  async signedIn(
    process: ReadProcess = this.a,
    person: Person = this.admin,
    options: Parameters<typeof WsClient.open>[1] = {},
  ): Promise<WsClient> {
    const client = await WsClient.connect(process.wsUrl, person.token, options);
    this.clients.push(client);
    return client;
  }

  /** A client that is not. */
  async opened(url = this.a.wsUrl, origin?: string): Promise<WsClient> {
    const client = await WsClient.open(url, origin === undefined ? {} : { origin });
    this.clients.push(client);
    return client;
  }

  /** A new job's topic. */
  async addJob(owner = this.admin.id): Promise<string> {
    const id = uuidv7();
    await this.readside.database.query(
      `INSERT INTO jobs (id, user_id, title, status, graph_version) VALUES ($1, $2, 'A holiday', 'queued', 1)`,
      [id, owner],
    );
    return `job:${id}`;
  }

  /** Publishes numbered events, one after the other. */
  async publish(topic: string, from: number, to: number): Promise<void> {
    for (let n = from; n <= to; n++) await this.feed.publish(topic, { ...(SHAPES[topic] ?? OF_A_JOB), n });
  }

  /** Ends the clients of one test, and looks whether what they got is as docs/asyncapi.yaml says. */
  async endOfTest(): Promise<void> {
    const clients = this.clients.splice(0);
    await Promise.all(clients.map((client) => client.close()));
    expect(clients.flatMap(({ frames }) => this.document.violations(frames))).toEqual([]);
  }
}

/** The code that a client is closed with. */
export function closeOf(client: WsClient, timeoutMs = 60_000): Promise<number> {
  return eventually(
    () => {
      if (!client.closed) throw new Error('still open');
      return client.closed.code;
    },
    { timeoutMs },
  );
}
