// Asks Redis for a sign of life over and over, from a process whose event loop has nothing else to do, and tells
// on request how long the slowest answer since the last request took, in milliseconds.
const { Redis } = require('ioredis');

const redis = new Redis(process.argv[2]);
let worst = 0;
let asked = 0;

async function ping() {
  for (;;) {
    const startedAt = performance.now();
    await redis.ping();
    worst = Math.max(worst, performance.now() - startedAt);
    asked += 1;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

process.on('message', () => {
  process.send({ worst, asked });
  worst = 0;
  asked = 0;
});
process.on('disconnect', () => process.exit(0));
ping().then(undefined, (error) => {
  throw error;
});
