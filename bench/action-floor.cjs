'use strict';

/**
 * The least that an action can cost: node's own HTTP server and one durable commit of one row. Arguments: the
 * database, the size of the pool.
 */
const { randomUUID } = require('node:crypto');
const { createServer } = require('node:http');
const { Pool } = require('pg');

const [, , connectionString, max] = process.argv;
const pool = new Pool({ connectionString, max: Number(max), idleTimeoutMillis: 0 });
const insert = {
  name: 'intent',
  text: 'INSERT INTO bench_audit (rid, actor, action, queue, params) VALUES ($1, $2, $3, $4, $5)',
};

const server = createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => {
    const { action, payload } = JSON.parse(Buffer.concat(pieces).toString());
    pool.query({ ...insert, values: [randomUUID(), 'u1', action, payload.queue, payload] }).then(
      () => answer(response, 200, '{"success":true}'),
      (error) => answer(response, 500, String(error)),
    );
  });
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit(0));

function answer(response, status, body) {
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
  });
  response.end(body);
}
