import { constants, deflateRawSync } from 'node:zlib';

/** FIN and the opcode of text, and the bit that says that the message is compressed (RFC 7692 6). */
const [TEXT, COMPRESSED] = [0x81, 0x40];
/** A smaller message gains less than reading it costs, in bytes. */
const WORTH_DEFLATING = 1_024;
/** What a flush ends with, which is not sent (RFC 7692 7.2.1), in bytes. */
const FLUSH_TAIL = 4;

/**
 * A WebSocket text message as the bytes that go over the wire from a server (RFC 6455 5.2): unmasked, whole.
 * Made once, it can be written to any number of sockets.
 */
export function textFrame(text: string): Buffer {
  const length = Buffer.byteLength(text);
  const { frame, header } = emptyFrame(TEXT, length);
  frame.write(text, header);
  return frame;
}

/**
 * A {@link textFrame} compressed for whoever has agreed on permessage-deflate (RFC 7692) without a context that is taken
 * over from message to message: it fits all of them. The frame as it is, if it is a small one.
 */
export function deflatedFrame(plain: Buffer): Buffer {
  const payload = plain.subarray(headerOf(plain));
  if (payload.length < WORTH_DEFLATING) return plain;
  const flushed = deflateRawSync(payload, { finishFlush: constants.Z_SYNC_FLUSH });
  const length = flushed.length - FLUSH_TAIL;
  const { frame, header } = emptyFrame(TEXT | COMPRESSED, length);
  flushed.copy(frame, header, 0, length);
  return frame;
}

/** A frame whose payload is still to be written, after its header. */
function emptyFrame(first: number, length: number): { frame: Buffer; header: number } {
  const header = length < 126 ? 2 : length < 65_536 ? 4 : 10;
  const frame = Buffer.allocUnsafe(header + length);
  frame[0] = first;
  if (header === 2) frame[1] = length;
  else if (header === 4) {
    frame[1] = 126;
    frame.writeUInt16BE(length, 2);
  } else {
    frame[1] = 127;
    frame.writeBigUInt64BE(BigInt(length), 2);
  }
  return { frame, header };
}

function headerOf(frame: Buffer): number {
  return frame[1] === 127 ? 10 : frame[1] === 126 ? 4 : 2;
}
