import { randomInt } from 'node:crypto';
import { freePort } from '../../src/up/ports';

/**
 * Ports that the kernel gives to nobody by itself: those of connections, and of who listens on any, begin at 32768 on
 * Linux, and at 49152 elsewhere. One of these that is free now would not be when the process that was told to listen
 * on it comes to do so.
 */
const FIRST = 15_000;
/** Each worker of Jest has so many for itself. */
const OWN = 1_000;
const WORKERS = 17;

const first = FIRST + OWN * (Number(process.env['JEST_WORKER_ID'] ?? 0) % WORKERS);
let next = randomInt(OWN);

/** A port of the loopback address that nobody listens on, and that nobody else will be given meanwhile. */
export async function testPort(): Promise<number> {
  for (let tries = 0; tries < OWN; tries += 1) {
    const port = first + (next++ % OWN);
    if ((await freePort(port)) === port) return port;
  }
  throw new Error(`No port from ${first} to ${first + OWN - 1} is free`);
}
