import type { IncomingMessage } from 'node:http';
import type { PerMessageDeflateOptions, WebSocket } from 'ws';

/**
 * What is agreed on with clients that offer permessage-deflate (RFC 7692): no message builds upon one before, in neither
 * direction. So one compressed frame fits all, and nothing has to be kept for a connection.
 */
export const DEFLATE: PerMessageDeflateOptions = {
  serverNoContextTakeover: true,
  clientNoContextTakeover: true,
};

/** The part of the extension in `ws` that reads. */
interface Inflation {
  decompress(data: Buffer, fin: boolean, done: (error: Error | null, message?: Buffer) => void): void;
  cleanup(): void;
}

/** Declines the offer of a client that wants a smaller window than that of the frame which goes to all. */
export function declineSmallWindows({ headers }: IncomingMessage): void {
  if (headers['sec-websocket-extensions']?.includes('server_max_window_bits'))
    delete headers['sec-websocket-extensions'];
}

/**
 * Lets go of the inflater after each message of a client. `ws` keeps it for the next one, some 20 KB of a connection,
 * though there is nothing in it that the next one needs.
 */
export function keepNoInflater(client: WebSocket): void {
  const { _extensions } = client as unknown as { _extensions: Record<string, Inflation | undefined> };
  const inflation = _extensions['permessage-deflate'];
  if (!inflation) return;
  const decompress = inflation.decompress.bind(inflation);
  inflation.decompress = (data, fin, done) => {
    decompress(data, fin, (error, message) => {
      if (fin) inflation.cleanup();
      done(error, message);
    });
  };
}
