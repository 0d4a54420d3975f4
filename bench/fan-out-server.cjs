'use strict';

/**
 * Sends one prepared message to all who have connected, each time that it is told to, in the way that its argument
 * names: `sockets`, bare TCP sockets that get one finished frame, or `socket.io`. The second argument is the message.
 * `redis` is `sockets` that Redis tells, on the channel of the fourth argument; the third one is where it is.
 */
const { createHash } = require('node:crypto');
const { createServer } = require('node:http');

const [way, message, redisUrl, channel] = process.argv.slice(2);
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // RFC 6455 1.3
const server = createServer();

function bareSockets() {
  const sockets = new Set();
  server.on('upgrade', (request, socket) => {
    const accept = createHash('sha1')
      .update(`${request.headers['sec-websocket-key']}${GUID}`)
      .digest('base64');
    const head = 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n';
    socket.setNoDelay(true);
    socket.write(`${head}Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
    sockets.add(socket);
  });
  const body = Buffer.from(message);
  const frame = Buffer.concat([Buffer.from([0x81, 126, body.length >> 8, body.length & 255]), body]);
  return () => sockets.forEach((socket) => socket.write(frame));
}

function socketIo() {
  const { Server } = require('socket.io');
  const io = new Server(server, { perMessageDeflate: false, pingInterval: 600_000, pingTimeout: 600_000 });
  const data = JSON.parse(message);
  return () => io.emit('event', data);
}

async function listen(send) {
  const { Redis } = require('ioredis');
  const subscriber = new Redis(redisUrl);
  subscriber.on('message', send);
  await subscriber.subscribe(channel);
}

const send = way === 'socket.io' ? socketIo() : bareSockets();
const ready = way === 'redis' ? listen(send) : Promise.resolve();
process.on('message', () => send());
process.on('disconnect', () => process.exit(0));
void ready.then(() => server.listen(0, '127.0.0.1', () => process.send(server.address().port)));
