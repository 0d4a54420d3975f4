import type { IncomingMessage } from 'node:http';
import { request as overHttp } from 'node:http';
import { request as overHttps } from 'node:https';
import { RequestFilteringHttpAgent, RequestFilteringHttpsAgent } from 'request-filtering-agent';
import { OutboundError } from './outbound-error';

/** A request to a host that may be called. */
export interface GuardedRequest {
  readonly url: URL;
  /** Networks of the host that are not public, and may be connected to nevertheless. */
  readonly networks: readonly string[];
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  readonly maxBytes: number;
  readonly signal: AbortSignal;
}

/** What came back. */
export interface GuardedAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

/**
 * Sends a POST. The addresses that the name stands for are looked at when the connection is made, and it is made to
 * one of these: a name that stands for another address a moment later (DNS rebinding) gains nothing. Redirects are
 * answers like any other, and followed by nobody.
 *
 * @throws OutboundError `answer` for one that is too long; whatever else node's client throws
 */
export function guardedPost(request: GuardedRequest): Promise<GuardedAnswer> {
  const { url, networks, headers, body, signal } = request;
  const secure = url.protocol === 'https:';
  const filter = { allowIPAddressList: [...networks], keepAlive: false };
  const agent = secure ? new RequestFilteringHttpsAgent(filter) : new RequestFilteringHttpAgent(filter);
  return new Promise((resolve, reject) => {
    const length = { 'content-length': Buffer.byteLength(body) };
    const sent = (secure ? overHttps : overHttp)(
      url,
      { method: 'POST', agent, signal, headers: { ...headers, ...length } },
      (answer) => void read(answer, request.maxBytes).then(resolve, reject),
    );
    sent.on('error', reject);
    sent.end(body);
  });
}

async function read(answer: IncomingMessage, maxBytes: number): Promise<GuardedAnswer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of answer as AsyncIterable<Buffer>) {
    size += part.length;
    // Leaving the loop ends the connection: nothing more is read.
    if (size > maxBytes) throw new OutboundError('answer', `The answer is longer than ${maxBytes} bytes.`);
    parts.push(part);
  }
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: Buffer.concat(parts) };
}
