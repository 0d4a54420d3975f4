'use strict';

/*
 * The cached read as the seeds describe it: the token checked against a secret that is a text, the document fetched
 * from Redis, parsed, and serialised again, for each request. Kinder to it than it would be: node's own HTTP server
 * stands for Express. Arguments: Redis, the key, the secret.
 */
const { createHmac, createPublicKey, createSecretKey, timingSafeEqual } = require('node:crypto');
const { createServer } = require('node:http');
const { Redis } = require('ioredis');

const [, , url, key, secret] = process.argv;
const redis = new Redis(url);

/** As jsonwebtoken 9 does (verify.js): a text is tried as a public key first, each time, before it is taken for a secret. */
function verify(token) {
  let material;
  try {
    material = createPublicKey(secret);
  } catch {
    material = createSecretKey(Buffer.from(secret));
  }
  const [head, payload, signature] = token.split('.');
  const expected = createHmac('sha256', material).update(`${head}.${payload}`).digest();
  if (!timingSafeEqual(expected, Buffer.from(signature, 'base64url'))) throw new Error('a bad token');
  return JSON.parse(Buffer.from(payload, 'base64url'));
}

const server = createServer((request, response) => {
  verify(request.headers.authorization.slice('Bearer '.length));
  redis.get(key).then((text) => {
    const body = JSON.stringify({ success: true, data: JSON.parse(text), timestamp: new Date() });
    response.writeHead(200, {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    });
    response.end(body);
  });
});
server.listen(0, '127.0.0.1', () => process.send(server.address().port));
process.on('disconnect', () => process.exit(0));
