import type { RowTaker } from '../../platform/postgres/copied-rows';
import { IsoTimes } from './iso-times';
import { int32 } from './words';

const [DASH, ZERO] = [0x2d, 0x30];
/** The two digits of each byte. */
const HEX = Uint16Array.from({ length: 256 }, (_, byte) =>
  Buffer.from(byte.toString(16).padStart(2, '0')).readUInt16BE(),
);

/**
 * What a column is: an `integer` is a smallint or integer, a `number` is one as text, `plain` is text that needs neither
 * quotes nor escapes, `free` is any text, a `time` is a timestamp with or without time zone, `json` is that as text.
 */
export type CellKind = 'uuid' | 'integer' | 'number' | 'plain' | 'free' | 'time' | 'json';

/**
 * Makes text of the rows that Postgres sends in its binary format. Bytes are appended one by one: for the few of a cell
 * that is quicker than a call that copies them.
 */
export abstract class RowText implements RowTaker {
  protected out = Buffer.allocUnsafe(1 << 17);
  /** Of it. */
  protected view = viewOf(this.out);
  protected used = 0;
  private readonly times = new IsoTimes();

  abstract take(bytes: Buffer, at: number, end: number): void;

  /** The text of the rows since the last time. Its bytes are good until the next row. */
  taken(): Buffer {
    const text = this.out.subarray(0, this.used);
    this.used = 0;
    return text;
  }

  protected reserve(more: number): void {
    if (this.used + more <= this.out.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.used + more));
    this.out.copy(larger, 0, 0, this.used);
    this.out = larger;
    this.view = viewOf(larger);
  }

  /** Appends a cell that is not `free`, without quotes. */
  protected appendCell(kind: CellKind, bytes: Buffer, at: number, end: number): void {
    if (kind === 'uuid') this.appendUuid(bytes, at);
    else if (kind === 'time') this.used = this.times.write(this.view, this.used, bytes, at);
    else if (kind === 'integer')
      this.appendInteger(end - at === 2 ? bytes.readInt16BE(at) : int32(bytes, at));
    else this.append(bytes, at, end);
  }

  protected append(bytes: Buffer, start: number, end: number): void {
    const { out } = this;
    let { used } = this;
    for (let at = start; at < end; at += 1) out[used++] = bytes[at] as number;
    this.used = used;
  }

  private appendUuid(bytes: Buffer, start: number): void {
    const { out, view } = this;
    let { used } = this;
    for (let nth = 0; nth < 16; nth += 2) {
      if (nth >= 4 && nth <= 10) out[used++] = DASH;
      view.setUint32(
        used,
        ((HEX[bytes[start + nth] as number] as number) << 16) |
          (HEX[bytes[start + nth + 1] as number] as number),
      );
      used += 4;
    }
    this.used = used;
  }

  private appendInteger(value: number): void {
    if (value >= 0 && value < 10) this.out[this.used++] = ZERO + value;
    else this.used += this.out.write(String(value), this.used, 'latin1');
  }
}

function viewOf(bytes: Buffer): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
}
