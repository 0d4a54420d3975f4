import type { ServerResponse } from 'node:http';

/** Fields of a head as they go over the wire, each with its line end. */
export function fieldLines(fields: Readonly<Record<string, string | number>>): string {
  return Object.entries(fields)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('');
}

/**
 * Answers with a head that is finished: status line, fields, empty line. Node's writeHead looks at each name and each
 * value of each answer, which costs a short one as much as all the rest of it; here whoever makes the head answers for
 * it. It says nothing else than what writeHead would: the connection is kept, and the length of the body is in it.
 */
export function sendPrepared(response: ServerResponse, status: number, head: string, body?: Buffer): void {
  response.statusCode = status;
  // Where writeHead leaves the text; not of node's documented interface, and so held against it by a test.
  (response as ServerResponse & { _header: string })._header = head;
  response.end(body);
}
