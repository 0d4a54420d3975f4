'use strict';

/**
 * Posts `bodies` in turn over `connections` kept-alive connections for `seconds`, each request with an idempotency
 * key of its own unless it is to be a replay, and prints what came of it. A bare socket client: it has to leave the machine to the servers.
 * Argument: {url, tokens, bodies, connections, seconds, keys} as JSON; each connection is one of the `tokens`,
 * `keys` is what the idempotency keys begin with, and with `replay` all that they are.
 */
const { connect } = require('node:net');

const { url, tokens, bodies, connections, seconds, keys, replay } = JSON.parse(process.argv[2]);
const { hostname, port, pathname } = new URL(url);
const requests = bodies.map((body) => [
  `POST ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Type: application/json\r\n` +
    `Content-Length: ${Buffer.byteLength(body)}\r\nX-Idempotency-Key: ${keys}-`,
  `\r\n\r\n${body}`,
]);

const end = performance.now() + seconds * 1000;
const times = [];
const statuses = {};
const sample = {};
let sent = 0;
let open = connections;

for (let i = 0; i < connections; i++) lane(tokens[i % tokens.length]);

function lane(token) {
  const authorization = token ? `\r\nAuthorization: Bearer ${token}` : '';
  const socket = connect({ host: hostname, port: Number(port), noDelay: true });
  let text = '';
  let wanted = -1;
  let startedAt = 0;
  const send = () => {
    if (performance.now() >= end) {
      socket.destroy();
      if (--open === 0) report();
      return;
    }
    const number = sent++;
    const [head, tail] = requests[number % requests.length];
    text = '';
    wanted = -1;
    startedAt = performance.now();
    socket.write(`${head}${replay ? 0 : number}${authorization}${tail}`);
  };
  socket.setEncoding('latin1');
  socket.on('connect', send);
  socket.on('data', (chunk) => {
    text += chunk;
    if (wanted < 0) {
      const head = text.indexOf('\r\n\r\n');
      if (head < 0) return;
      wanted = head + 4 + Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0);
    }
    if (text.length < wanted) return;
    const now = performance.now();
    const status = text.slice(9, 12);
    times.push(now - startedAt);
    statuses[status] = (statuses[status] ?? 0) + 1;
    sample[status] ??= text.slice(0, 2_000);
    send();
  });
  socket.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
}

function report() {
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  process.stdout.write(
    JSON.stringify({
      count: times.length,
      perS: times.length / seconds,
      p50: at(0.5),
      p99: at(0.99),
      statuses,
      sample,
    }),
  );
}
