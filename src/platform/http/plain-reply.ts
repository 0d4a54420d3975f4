import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import { fieldLines, KeptLines, sendPrepared, statusLine } from './prepared-answer';

/** What answers are written to: a reply of Fastify, or a {@link PlainReply} in front of it. */
export interface Answering {
  readonly request: { readonly headers: IncomingHttpHeaders };
  status(code: number): Answering;
  header(name: string, value: string | number): Answering;
  headers(values: Readonly<Record<string, string>>): Answering;
  type(contentType: string): Answering;
  getHeader(name: string): number | string | string[] | undefined;
  send(body?: Buffer | string): unknown;
}

/** What every answer of a server has in its head, put together once. */
export class CommonHead {
  private readonly lines: string;
  private readonly kept: KeptLines;

  /**
   * @param fields their names in lower case
   * @param keepAliveMs how long the server keeps an idle connection
   */
  constructor(
    readonly fields: Readonly<Record<string, string>>,
    keepAliveMs: number,
  ) {
    this.lines = fieldLines(fields);
    this.kept = new KeptLines(keepAliveMs);
  }

  /** A whole head with these fields besides, of which none may be one of the common ones. */
  with(status: number, own: string): string {
    return `${statusLine(status)}${this.lines}${own}${this.kept.now()}\r\n`;
  }
}

/** An answer that node's HTTP server is given at once, with all of its headers. Values must be of our own making. */
export class PlainReply implements Answering {
  private readonly own = new Map<string, string | number>();
  /** Whether the head is one that can be put together from prepared text. */
  private usual: boolean;
  private code = 200;

  constructor(
    readonly request: IncomingMessage,
    private readonly response: ServerResponse,
    private readonly common: CommonHead,
  ) {
    this.usual = response.shouldKeepAlive;
  }

  status(code: number): this {
    this.code = code;
    return this;
  }

  header(name: string, value: string | number): this {
    const key = name.toLowerCase();
    if (key === 'connection' || key in this.common.fields) this.usual = false;
    this.own.set(key, value);
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
    const key = name.toLowerCase();
    return this.own.get(key) ?? this.common.fields[key];
  }

  send(body: Buffer | string = ''): void {
    this.own.set('content-length', Buffer.byteLength(body));
    if (this.usual) {
      let lines = '';
      for (const [name, value] of this.own) lines += `${name}: ${value}\r\n`;
      sendPrepared(this.response, this.code, this.common.with(this.code, lines), body);
    } else {
      this.response.writeHead(this.code, { ...this.common.fields, ...Object.fromEntries(this.own) });
      this.response.end(body);
    }
  }
}
