import { type ServerResponse, STATUS_CODES } from 'node:http';

/** Fields of a head as they go over the wire, each with its line end. */
export function fieldLines(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/** The first line of a head. */
export function statusLine(status: number): string {
  return `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
}

/** What node adds to each head: the date, which changes once a second, and how long the connection is kept. */
export class KeptLines {
  private readonly connection: string;
  private second = 0;
  private dated = '';

  /** @param keepAliveMs how long the server keeps an idle connection */
  constructor(keepAliveMs: number) {
    this.connection = `Connection: keep-alive\r\nKeep-Alive: timeout=${Math.floor(keepAliveMs / 1000)}\r\n`;
  }

  /** The lines, now. */
  now(): string {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second !== this.second) {
      this.second = second;
      this.dated = `Date: ${new Date(now).toUTCString()}\r\n${this.connection}`;
    }
    return this.dated;
  }
}

/**
 * Answers with a head that is finished: status line, fields, empty line. Node's writeHead looks at each name and each
 * value of each answer, which costs a short one as much as all the rest of it; here whoever makes the head answers for
 * it. It says nothing else than what writeHead would: the connection is kept, and the length of the body is in it. A
 * body that is a string goes out together with the head, in one write.
 */
export function sendPrepared(
  response: ServerResponse,
  status: number,
  head: string,
  body?: Buffer | string,
): void {
  response.statusCode = status;
  // Where writeHead leaves the text; not of node's documented interface, and so held against it by a test.
  (response as ServerResponse & { _header: string })._header = head;
  response.end(body);
}
