import type { Readable } from 'node:stream';

/**
 * The pieces of an answer's body. Where none comes for so long while one is waited for, the body is given up; what the
 * reader does between two pieces may take any time.
 *
 * @throws Error named TimeoutError when that is so; whatever else the body ends with
 */
export async function* heard(body: Readable, silentMs: number): AsyncGenerator<Buffer> {
  let waiting = true;
  const timer = setTimeout(() => {
    if (waiting)
      body.destroy(
        Object.assign(new Error(`nothing came for ${silentMs} ms in the middle of a file`), {
          name: 'TimeoutError',
        }),
      );
  }, silentMs);
  try {
    for await (const piece of body as AsyncIterable<Buffer>) {
      waiting = false;
      yield piece;
      waiting = true;
      timer.refresh();
    }
  } finally {
    clearTimeout(timer);
    body.destroy();
  }
}
