/** What can be away although we are well. */
export type Server = 'postgres' | 'redis' | 'storage';

/** The store of files does not answer, or cannot serve; what its client said of that is the cause. */
export class StorageAway extends Error {
  override name = 'StorageAway';

  constructor(cause: unknown) {
    super(`The store of files is away: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

/** Of those whose clients do not say it. */
const NAMES: Readonly<Partial<Record<Server, string>>> = { postgres: 'Postgres', redis: 'Redis' };

/** SQLSTATE classes and codes that mean Postgres cannot serve, and not that the statement was wrong. */
const POSTGRES_STATES = /^(?:08|53|57P|58|25006)/;
/** Of sockets whose other end is away. */
export const SOCKET_CODES: ReadonlySet<string> = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
]);
const POSTGRES_MESSAGES =
  /Connection terminated|timeout exceeded when trying to connect|Client has encountered a connection error|Cannot use a pool after calling end/i;
const REDIS_NAMES = new Set(['MaxRetriesPerRequestError', 'ClusterAllFailedError']);
/** Of its answers those that say that it serves nobody, or takes nothing in: MISCONF is a disk that is full. */
const REDIS_MESSAGES =
  /Connection is closed|Command timed out|Stream isn't writeable|^(?:LOADING|OOM|READONLY|MISCONF|NOREPLICAS|BUSY|MASTERDOWN|CLUSTERDOWN) /;

/** Which server an error says is away or unable to serve; undefined if the error says nothing of the kind. */
export function unavailableServer(error: unknown): Server | undefined {
  const named = namedBy(error);
  if (named) return named;
  const { code } = (error ?? {}) as { code?: unknown };
  // ioredis wraps the errors of its sockets (see REDIS_NAMES), and so do we those of S3; pg passes them on as they are.
  return error instanceof Error && typeof code === 'string' && SOCKET_CODES.has(code)
    ? 'postgres'
    : undefined;
}

/** What went wrong, for those who read the log, with the server's name where its client does not say whose time is up. */
export function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const server = namedBy(error);
  const name = server && NAMES[server];
  return name && !error.message.toLowerCase().includes(server) ? `${name}: ${error.message}` : error.message;
}

/** The server whose client has made the error. */
function namedBy(error: unknown): Server | undefined {
  if (!(error instanceof Error)) return undefined;
  if (error instanceof StorageAway) return 'storage';
  const { code } = error as { code?: unknown };
  if (REDIS_NAMES.has(error.name) || REDIS_MESSAGES.test(error.message)) return 'redis';
  if (typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && POSTGRES_STATES.test(code)) return 'postgres';
  return POSTGRES_MESSAGES.test(error.message) ? 'postgres' : undefined;
}
