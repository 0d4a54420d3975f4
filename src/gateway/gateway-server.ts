import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, WebSocketServer } from 'ws';
import { declineSmallWindows, DEFLATE, keepNoInflater } from './compression';

/** The largest message that a client may send, in bytes; of a compressed one, what comes out. */
const MAX_PAYLOAD = 64 * 1024;
/** Open connections of a process. */
const MAX_CONNECTIONS = 20_000;
/** Paths that upgrade. */
const PATHS = new Set(['/', '/ws']);

const STATUS = {
  400: 'Bad Request',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
} as const;

/** Why a handshake is refused, as an HTTP status; undefined to go on. */
export type HandshakeCheck = (request: IncomingMessage) => keyof typeof STATUS | undefined;

/** The WebSocket server on a port of its own, with its handshake and its limits. */
export class GatewayServer extends WebSocketServer {
  private readonly http: Server;
  private check: HandshakeCheck = () => undefined;

  constructor() {
    const limits: ServerOptions &
      Record<'maxFragments' | 'maxBufferedChunks' | 'maxPendingAutoPongs', number> = {
      noServer: true,
      maxPayload: MAX_PAYLOAD,
      perMessageDeflate: DEFLATE,
      maxFragments: 1_024,
      maxBufferedChunks: 1_024,
      // Pings count as messages; ws would cut who sends many off without the code that tells why.
      maxPendingAutoPongs: 0,
    };
    super(limits);
    this.http = createServer({
      headersTimeout: 10_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
    });
    this.http.maxConnections = MAX_CONNECTIONS;
    this.http.on('request', (_request, response) => {
      response.writeHead(426, { connection: 'close', upgrade: 'websocket' }).end();
    });
    this.http.on('upgrade', (request, socket, head) => this.upgrade(request, socket, head));
  }

  /** Asked at every handshake. */
  setHandshakeCheck(check: HandshakeCheck): void {
    this.check = check;
  }

  /** Starts to listen; rejects if the port is taken. */
  async listen(port: number, host: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.http.once('error', reject);
      this.http.listen(port, host, () => {
        this.http.off('error', reject);
        resolve();
      });
    });
  }

  /** The port that it listens on. */
  get port(): number {
    return (this.http.address() as AddressInfo | null)?.port ?? 0;
  }

  /** Takes no new connections; those that are open stay. */
  stopListening(): void {
    this.http.close();
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const [path = '', query] = (request.url ?? '').split('?', 2);
    // A query is where tokens end up in logs; the gateway takes none.
    const refused = !PATHS.has(path) ? 404 : query !== undefined ? 400 : this.check(request);
    if (refused !== undefined) {
      socket.end(`HTTP/1.1 ${refused} ${STATUS[refused]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    declineSmallWindows(request);
    this.handleUpgrade(request, socket, head, (client) => {
      keepNoInflater(client);
      this.emit('connection', client, request);
    });
  }
}
