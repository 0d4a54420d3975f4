'use strict';

/** Answers every request with the same bytes, as fast as node's HTTP server can. */
const { createServer } = require('node:http');

const body = Buffer.alloc(Number(process.argv[2]), 'x');
const server = createServer((request, response) => {
  request.resume();
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': body.length });
  response.end(body);
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit(0));
