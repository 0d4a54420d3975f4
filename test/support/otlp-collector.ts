import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as it came over the wire. Ids in hexadecimal. */
export interface CollectedSpan {
  /** `service.name` of the process that it comes from. */
  service: string;
  traceId: string;
  spanId: string;
  /** Empty: the first of its trace. */
  parentId: string;
  traceState: string;
  name: string;
  /** 1 internal, 2 server, 3 client, 4 producer, 5 consumer. */
  kind: number;
  startMs: number;
  endMs: number;
  attributes: Record<string, string | number | boolean>;
  links: { traceId: string; spanId: string }[];
  /** 0 unset, 1 ok, 2 error. */
  status: number;
}

/** An OTLP/HTTP collector of the test's own, which keeps what it is sent. */
export class OtlpCollector {
  readonly spans: CollectedSpan[] = [];
  /** The bodies as they came, to look for what must not be in them. */
  readonly bodies: Buffer[] = [];

  private constructor(private readonly server: Server) {}

  static async start(): Promise<OtlpCollector> {
    const server = createServer();
    const collector = new OtlpCollector(server);
    server.on('request', (request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const body = Buffer.concat(chunks);
        const known =
          request.url === '/v1/traces' && request.headers['content-type'] === 'application/x-protobuf';
        if (known) collector.take(body);
        response.writeHead(known ? 200 : 400, { 'content-type': 'application/x-protobuf' }).end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return collector;
  }

  /** What OTEL_EXPORTER_OTLP_ENDPOINT is set to. */
  get endpoint(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  /** The spans of a trace. */
  of(traceId: string): CollectedSpan[] {
    return this.spans.filter((span) => span.traceId === traceId);
  }

  /** Takes connections and answers nothing any more. */
  hang(): void {
    this.server.removeAllListeners('request');
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    this.server.closeAllConnections();
    await closed;
  }

  private take(body: Buffer): void {
    this.bodies.push(body);
    for (const resourceSpans of messages(body, 1)) {
      const service = String(attributes(messages(resourceSpans, 1)[0], 1)['service.name']);
      for (const scope of messages(resourceSpans, 2))
        for (const span of messages(scope, 2)) this.spans.push(spanOf(span, service));
    }
  }
}

/** https://github.com/open-telemetry/opentelemetry-proto/blob/main/opentelemetry/proto/trace/v1/trace.proto */
function spanOf(span: Buffer, service: string): CollectedSpan {
  const hex = (from: Buffer, field: number) => messages(from, field)[0]?.toString('hex') ?? '';
  return {
    service,
    traceId: hex(span, 1),
    spanId: hex(span, 2),
    traceState: messages(span, 3)[0]?.toString() ?? '',
    parentId: hex(span, 4),
    name: messages(span, 5)[0]?.toString() ?? '',
    kind: numbers(span, 6)[0] ?? 0,
    startMs: (numbers(span, 7)[0] ?? 0) / 1e6,
    endMs: (numbers(span, 8)[0] ?? 0) / 1e6,
    attributes: attributes(span, 9),
    links: messages(span, 13).map((link) => ({ traceId: hex(link, 1), spanId: hex(link, 2) })),
    status: numbers(messages(span, 15)[0] ?? Buffer.alloc(0), 3)[0] ?? 0,
  };
}

function attributes(from: Buffer | undefined, field: number): CollectedSpan['attributes'] {
  const pairs = messages(from ?? Buffer.alloc(0), field).map((pair): [string, string | number | boolean] => {
    const value = messages(pair, 2)[0] ?? Buffer.alloc(0);
    const text = messages(value, 1)[0]?.toString();
    const truth = numbers(value, 2)[0];
    return [
      messages(pair, 1)[0]?.toString() ?? '',
      text ?? (truth === undefined ? (numbers(value, 3)[0] ?? numbers(value, 4)[0] ?? '') : truth === 1),
    ];
  });
  return Object.fromEntries(pairs);
}

function messages(from: Buffer, field: number): Buffer[] {
  return fields(from).flatMap(([number, value]) =>
    number === field && Buffer.isBuffer(value) ? [value] : [],
  );
}

function numbers(from: Buffer, field: number): number[] {
  return fields(from).flatMap(([number, value]) =>
    number === field && typeof value === 'number' ? [value] : [],
  );
}

/** The fields of a protobuf message: varints and fixed numbers as numbers, the rest as bytes. */
function fields(from: Buffer): [number, number | Buffer][] {
  const found: [number, number | Buffer][] = [];
  let at = 0;
  const varint = (): number => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = from.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return Number(value);
    }
  };
  while (at < from.length) {
    const tag = varint();
    const number = tag >>> 3;
    if ((tag & 7) === 0) found.push([number, varint()]);
    else if ((tag & 7) === 2) {
      const length = varint();
      found.push([number, from.subarray(at, (at += length))]);
    } else if ((tag & 7) === 1) {
      // Times and doubles; attributes of the product hold no doubles.
      found.push([number, Number(from.readBigUInt64LE(at))]);
      at += 8;
    } else {
      found.push([number, from.readUInt32LE(at)]);
      at += 4;
    }
  }
  return found;
}
