'use strict';

/*
 * Reads one document over and over, each connection the next when it has the last: as little as a client can do, so
 * that it does not take from the server that is measured. Argument: {url, headers, connections, seconds}. Writes what
 * it came to.
 */
const { connect } = require('node:net');

const { url, headers, connections, seconds } = JSON.parse(process.argv[2]);
const { hostname, port, pathname, search } = new URL(url);
const fields = Object.entries({ host: `${hostname}:${port}`, ...headers }).map(
  ([name, value]) => `${name}: ${value}`,
);
const request = Buffer.from(`GET ${pathname}${search} HTTP/1.1\r\n${fields.join('\r\n')}\r\n\r\n`);
const END = Buffer.from('\r\n\r\n');

const times = [];
const statuses = {};
let open = connections;
const until = performance.now() + seconds * 1000;

function begin() {
  const socket = connect(Number(port), hostname);
  let sentAt = 0;
  /** What is still missing of the body; the head is read when it is negative. */
  let missing = -1;
  let head = Buffer.alloc(0);
  const next = () => {
    if (performance.now() >= until) return socket.end();
    sentAt = performance.now();
    socket.write(request);
  };
  socket.setNoDelay(true);
  socket.on('connect', next);
  socket.on('data', (chunk) => {
    if (missing < 0) {
      head = head.length > 0 ? Buffer.concat([head, chunk]) : chunk;
      const end = head.indexOf(END);
      if (end < 0) return;
      const text = head.latin1Slice(0, end);
      const status = text.slice(9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      const length = /\r\ncontent-length: (\d+)/i.exec(text);
      missing = (length ? Number(length[1]) : 0) - (head.length - end - END.length);
      head = Buffer.alloc(0);
    } else missing -= chunk.length;
    if (missing > 0) return;
    missing = -1;
    times.push(performance.now() - sentAt);
    next();
  });
  socket.on('error', (error) => {
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  });
  socket.on('close', () => {
    if (--open > 0) return;
    times.sort((a, b) => a - b);
    const at = (share) => times[Math.ceil(times.length * share) - 1];
    process.stdout.write(
      JSON.stringify({
        count: times.length,
        perS: times.length / seconds,
        p50: at(0.5),
        p99: at(0.99),
        statuses,
      }),
    );
  });
}
for (let i = 0; i < connections; i += 1) begin();
