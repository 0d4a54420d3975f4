'use strict';

/**
 * The least that taking chunks in can cost: node's own HTTP server writes each chunk to its place in a file,
 * with (`hash`) or without (`plain`) its SHA-256 on the way. Argument: the mode, the file.
 */
const { createHash } = require('node:crypto');
const { open } = require('node:fs/promises');
const { createServer } = require('node:http');

const [, , mode, path] = process.argv;

async function main() {
  const file = await open(path, 'w');
  const server = createServer(async (request, response) => {
    const index = Number(new URL(request.url, 'http://x').searchParams.get('index'));
    const hash = mode === 'hash' ? createHash('sha256') : undefined;
    let position = index * Number(request.headers['content-length']);
    for await (const piece of request) {
      hash?.update(piece);
      await file.write(piece, 0, piece.length, position);
      position += piece.length;
    }
    response.end(hash?.digest('hex'));
  });
  server.listen(0, '127.0.0.1', () => process.send(server.address().port));
}

process.on('disconnect', () => process.exit(0));
void main();
