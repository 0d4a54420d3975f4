'use strict';

/**
 * Sends `count` chunks of `bytes` random bytes, `connections` at a time, and tells how many seconds that took.
 * Argument: {url, token, bytes, count, connections} as JSON; `url` lacks the index at its end.
 */
const { randomFillSync } = require('node:crypto');
const { Agent, request } = require('node:http');

const { url, token, bytes, count, connections } = JSON.parse(process.argv[2]);
const chunk = Buffer.alloc(bytes);
for (let offset = 0; offset < bytes; offset += 65_536) {
  randomFillSync(chunk, offset, Math.min(65_536, bytes - offset));
}
const agent = new Agent({ keepAlive: true, maxSockets: connections });

function send(index) {
  return new Promise((resolve, reject) => {
    const headers = {
      'content-type': 'application/octet-stream',
      'content-length': bytes,
      ...(token ? { authorization: `Bearer ${token}` } : {}),
    };
    const sent = request(`${url}${index}`, { method: 'POST', agent, headers }, (response) => {
      response.resume();
      response.on('end', () =>
        response.statusCode === 200 ? resolve() : reject(new Error(`chunk ${index}: ${response.statusCode}`)),
      );
    });
    sent.on('error', reject);
    sent.end(chunk);
  });
}

async function main() {
  const started = performance.now();
  let next = 0;
  const lane = async () => {
    while (next < count) await send(next++);
  };
  await Promise.all(Array.from({ length: connections }, lane));
  process.stdout.write(JSON.stringify((performance.now() - started) / 1000));
  process.exit(0);
}

void main();
