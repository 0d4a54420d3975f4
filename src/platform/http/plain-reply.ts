import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';

/** What answers are written to: a reply of Fastify, or a {@link PlainReply} in front of it. */
export interface Answering {
  readonly request: { readonly headers: IncomingHttpHeaders };
  status(code: number): Answering;
  header(name: string, value: string | number): Answering;
  headers(values: Readonly<Record<string, string>>): Answering;
  type(contentType: string): Answering;
  getHeader(name: string): number | string | string[] | undefined;
  send(body?: Buffer): unknown;
}

/** An answer that node's HTTP server is given at once, with all of its headers. */
export class PlainReply implements Answering {
  private readonly fields: Record<string, string | number>;
  private code = 200;

  /** @param headers what every answer has, in lower case */
  constructor(
    readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    headers: Readonly<Record<string, string>>,
  ) {
    this.fields = { ...headers };
  }

  status(code: number): this {
    this.code = code;
    return this;
  }

  header(name: string, value: string | number): this {
    this.fields[name.toLowerCase()] = value;
    return this;
  }

  headers(values: Readonly<Record<string, string>>): this {
    for (const name in values) this.header(name, values[name] ?? '');
    return this;
  }

  type(contentType: string): this {
    return this.header('content-type', contentType);
  }

  getHeader(name: string): string | number | undefined {
    return this.fields[name.toLowerCase()];
  }

  send(body?: Buffer): void {
    if (body) this.fields['content-length'] = body.length;
    this.response.writeHead(this.code, this.fields);
    this.response.end(body);
  }
}
