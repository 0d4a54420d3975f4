import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { type ServerOptions, WebSocketServer } from 'ws';
import { AddressCounts } from './address-counts';
import { declineSmallWindows, DEFLATE, keepNoInflater } from './compression';

/** The largest message that a client may send, in bytes; of a compressed one, what comes out. */
const MAX_PAYLOAD = 64 * 1024;
/** Open connections of a process. */
const MAX_CONNECTIONS = 20_000;
/** Connections of one address that have not made their handshake; more than that would be one that keeps others out. */
const MAX_STRANGERS = 2_000;
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

/** How the server treats addresses. */
export interface GatewayServerOptions {
  /** Connections of one address that may wait for their handshake. */
  maxStrangers?: number;
  /** Whether connections of this address are those of many, and not counted. */
  isProxy?: (address: string) => boolean;
}

/** The WebSocket server on a port of its own, with its handshake and its limits. */
export class GatewayServer extends WebSocketServer {
  private readonly http: Server;
  private readonly strangers = new AddressCounts();
  /** Ends the counting of a connection, once its handshake was made. */
  private readonly welcomes = new WeakMap<Duplex, () => void>();
  private readonly maxStrangers: number;
  private readonly isProxy: (address: string) => boolean;
  private check: HandshakeCheck = () => undefined;

  constructor({ maxStrangers = MAX_STRANGERS, isProxy = () => false }: GatewayServerOptions = {}) {
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
    this.maxStrangers = maxStrangers;
    this.isProxy = isProxy;
    this.http = createServer({
      headersTimeout: 10_000,
      requestTimeout: 10_000,
      connectionsCheckingInterval: 2_000,
    });
    this.http.maxConnections = MAX_CONNECTIONS;
    this.http.on('connection', (socket) => this.meet(socket));
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

  /** Counts a connection until its handshake is made; who has too many of those gets no further one. */
  private meet(socket: Socket): void {
    const address = socket.remoteAddress ?? '';
    if (this.isProxy(address)) return;
    if (this.strangers.of(address) >= this.maxStrangers) {
      socket.destroy();
      return;
    }
    const welcome = this.strangers.add(address);
    this.welcomes.set(socket, welcome);
    socket.once('close', welcome);
  }

  private upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    const [path = '', query] = (request.url ?? '').split('?', 2);
    // A query is where tokens end up in logs; the gateway takes none.
    const refused = !PATHS.has(path) ? 404 : query !== undefined ? 400 : this.check(request);
    if (refused !== undefined) {
      // It is no connection of HTTP any more, whose time-outs would end it if the client does not.
      socket.once('finish', () => socket.destroy());
      socket.end(`HTTP/1.1 ${refused} ${STATUS[refused]}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      return;
    }
    declineSmallWindows(request);
    this.handleUpgrade(request, socket, head, (client) => {
      this.welcomes.get(socket)?.();
      keepNoInflater(client);
      this.emit('connection', client, request);
    });
  }
}
