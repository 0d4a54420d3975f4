import { hostname } from 'node:os';

/** What tells about our inside, and must stand in no error: the cause of each is in the log, under the trace id. */
const LEAKS: readonly RegExp[] = [
  /\bat [\w.<>]+ \(?[^)\s]*:\d+:\d+/,
  /\.(?:ts|js|mjs|cjs):\d+/,
  /node_modules|node:internal|\bdist\//,
  /(?:^|[\s"'(])\/(?:home|root|tmp|var|usr|opt|etc|work|app)\//,
  /\b(?:SELECT\b.+\bFROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM)\b/,
  /QueryFailedError|syntax error at or near|violates .* constraint|duplicate key value|relation "|SQLSTATE/,
  /\b(?:WRONGTYPE|NOSCRIPT|ECONNREFUSED|ECONNRESET|EPIPE|ENOENT|EACCES|ERR_[A-Z_]+|FST_ERR_\w+)\b/,
  /\b(?:TypeError|RangeError|ReferenceError|SyntaxError)\b|is not a function|Cannot read propert/,
  /\b(?:fastify|nestjs|typeorm|ioredis|class-validator|opossum|bullmq?|postgres(?:ql)?|redis)[/@ ]v?\d/i,
  /\bnode\/?\s?v?\d+\.\d+/i,
  /\b(?:\d{1,3}\.){3}\d{1,3}:\d{2,5}\b/,
  /eyJ[\w-]{10,}\./,
];

const HOST = hostname();

/** What an error gives away about our inside, apart from what the request itself said; undefined if nothing. */
export function leakIn(text: string, said = ''): string | undefined {
  for (const pattern of LEAKS) {
    const found = pattern.exec(text)?.[0];
    if (found !== undefined && !said.includes(found.trim())) return found;
  }
  return HOST.length > 3 && text.includes(HOST) ? HOST : undefined;
}
