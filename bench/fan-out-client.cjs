'use strict';

/**
 * Many WebSocket connections that count the messages that come and look no further, so that they cost little. Told
 * {connect: {port, count, path, hello, extensions}}, answers when every connection has had `quiet` messages after its hello; told
 * {arm}, notes when each of the next messages came, in milliseconds of the machine's monotonic clock, and to which
 * connection, and answers with that when there are so many, or when told {tell}.
 */
const { connect } = require('node:net');

const AT_A_TIME = 50;
const PONG = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);
const now = () => Number(process.hrtime.bigint()) / 1e6;
let times = [];
/** To which connection each of them came, by the order in which they were opened. */
let of = [];
let wanted = 0;
let opened = 0;
/** Frames that a connection gets before it counts as ready, and what to do when it is. */
let quiet = 0;

function text(payload) {
  const body = Buffer.from(payload);
  const long = body.length > 125;
  const header = Buffer.alloc((long ? 4 : 2) + 4); // the mask is zeros
  header[0] = 0x81;
  header[1] = 0x80 | (long ? 126 : body.length);
  if (long) header.writeUInt16BE(body.length, 2);
  return Buffer.concat([header, body]);
}

function open({ port, path, hello, extensions }) {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1');
    socket.setNoDelay(true);
    socket.on('error', reject);
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
        (extensions ? `Sec-WebSocket-Extensions: ${extensions}\r\n` : '') +
        'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n',
    );
    let rest = Buffer.alloc(0);
    let upgraded = false;
    let skip = 0;
    let ping = false;
    let left = quiet;
    const number = opened++;
    const ready = () => {
      if (left-- === 0) resolve(socket);
    };
    const frame = () => {
      if (ping) return void socket.write(PONG);
      if (left >= 0) return ready();
      times.push(now());
      of.push(number);
      if (times.length === wanted) process.send({ times, of });
    };
    socket.on('data', (chunk) => {
      let data = rest.length > 0 ? Buffer.concat([rest, chunk]) : chunk;
      rest = Buffer.alloc(0);
      if (!upgraded) {
        const end = data.indexOf('\r\n\r\n');
        if (end < 0) return void (rest = data);
        if (!data.subarray(0, 12).includes('101')) return reject(new Error(data.subarray(0, 200).toString()));
        upgraded = true;
        data = data.subarray(end + 4);
        for (const one of hello) socket.write(text(one));
        ready();
      }
      while (data.length > 0) {
        if (skip > 0) {
          const part = Math.min(skip, data.length);
          skip -= part;
          data = data.subarray(part);
          if (skip === 0) frame();
          continue;
        }
        const short = data.length > 1 ? data[1] & 127 : 0;
        const header = short === 126 ? 4 : short === 127 ? 10 : 2;
        if (data.length < header) return void (rest = data);
        ping = (data[0] & 15) === 9;
        skip = short === 126 ? data.readUInt16BE(2) : short === 127 ? Number(data.readBigUInt64BE(2)) : short;
        data = data.subarray(header);
        if (skip === 0) frame();
      }
    });
  });
}

process.on('message', async (order) => {
  if ('tell' in order) return process.send({ times, of });
  if ('arm' in order) {
    [times, of] = [[], []];
    wanted = order.arm;
    return process.send({ armed: true });
  }
  quiet = order.connect.quiet;
  for (let left = order.connect.count; left > 0; left -= AT_A_TIME)
    await Promise.all(Array.from({ length: Math.min(left, AT_A_TIME) }, () => open(order.connect)));
  process.send({ connected: true });
});
process.on('disconnect', () => process.exit(0));
process.send({ up: true });
