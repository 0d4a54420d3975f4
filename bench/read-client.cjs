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
/** Within so many bytes of an answer its head ends. */
const MAX_HEAD = 4_096;
/** What comes goes into the same memory for all: allocating it costs a client more than all else that it does. */
const received = Buffer.alloc(256 * 1_024);

const times = [];
const statuses = {};
let open = connections;
const until = performance.now() + seconds * 1000;

function begin() {
  let sentAt = 0;
  /** What is still missing of the body; the head is read when it is negative. */
  let missing = -1;
  const next = () => {
    if (performance.now() >= until) return socket.end();
    sentAt = performance.now();
    socket.write(request);
  };
  const take = (length) => {
    if (missing < 0) {
      const head = received.latin1Slice(0, Math.min(length, MAX_HEAD));
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) throw new Error('the head of an answer did not come in one piece');
      const status = head.slice(9, 12);
      statuses[status] = (statuses[status] ?? 0) + 1;
      const body = /\r\ncontent-length: (\d+)/i.exec(head.slice(0, end));
      missing = (body ? Number(body[1]) : 0) + (end + 4) - length;
    } else missing -= length;
    if (missing > 0) return true;
    missing = -1;
    times.push(performance.now() - sentAt);
    next();
    return true;
  };
  const socket = connect({
    port: Number(port),
    host: hostname,
    noDelay: true,
    onread: { buffer: received, callback: take },
  });
  socket.on('connect', next);
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
