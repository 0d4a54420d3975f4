import type { IncomingMessage } from 'node:http';
import { AppError } from '../errors/app-error';

/** What a body may take. */
export interface BodyLimits {
  readonly bytes: number;
  /** From when it is waited for until its end. */
  readonly ms: number;
}

/**
 * Reads a body to its end.
 *
 * @throws AppError PAYLOAD_TOO_LARGE, REQUEST_TIMEOUT; VALIDATION_ERROR if the connection breaks before its end
 */
export function readBody(stream: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  const whole = arrived(stream, limits.bytes);
  return whole ? Promise.resolve(whole) : awaited(stream, limits);
}

/** A body that came together with its head, and needs nobody to wait for it; undefined if it is not all there. */
function arrived(stream: IncomingMessage, most: number): Buffer | undefined {
  const length = stream.readableLength;
  if (!stream.complete || length === 0 || length > most || stream.readableFlowing !== null) return undefined;
  return (stream.read() as Buffer | null) ?? undefined;
}

function awaited(stream: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let length = 0;
    const timer = setTimeout(() => end(new AppError('REQUEST_TIMEOUT')), limits.ms);
    const onData = (chunk: Buffer): void => {
      length += chunk.length;
      if (length > limits.bytes) end(new AppError('PAYLOAD_TOO_LARGE'));
      else chunks.push(chunk);
    };
    const onEnd = (): void => end();
    const onBroken = (): void => end(new AppError('VALIDATION_ERROR', 'The body ended too early.'));
    const end = (error?: AppError): void => {
      clearTimeout(timer);
      stream.off('data', onData).off('end', onEnd).off('aborted', onBroken).off('error', onBroken);
      if (error) reject(error);
      else resolve(Buffer.concat(chunks, length));
    };
    stream.on('data', onData).on('end', onEnd).on('aborted', onBroken).on('error', onBroken);
  });
}
