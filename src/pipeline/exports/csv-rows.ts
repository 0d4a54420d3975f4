const [LF, CR, QUOTE, COMMA, SPACE, T, Z] = [0x0a, 0x0d, 0x22, 0x2c, 0x20, 0x54, 0x5a];

/**
 * Makes of rows of CSV as Postgres writes them what readers expect, and counts them: they end with CRLF (RFC 4180)
 * where they end with LF, and timestamps become ISO 8601 in UTC. Both are cheaper to do here than in Postgres, which
 * makes a text of its own for each step. What stands in quotes stays as it is. The pieces that it is given may end
 * anywhere.
 */
export class CsvRows {
  /** The beginning of a row whose end has not come yet. */
  private rest = Buffer.alloc(0);
  private out = Buffer.allocUnsafe(1 << 17);
  private used = 0;

  /** @param times how many cells at the end of each row are timestamps without a time zone, in UTC, or empty */
  constructor(private readonly times = 0) {}

  /** The rows that are complete with the piece, and their number. Their bytes are good until the next call. */
  convert(piece: Buffer): { text: Buffer; rows: number } {
    const bytes = this.rest.length > 0 ? Buffer.concat([this.rest, piece]) : piece;
    // At the most, each byte is the end of a row; a time grows by one byte and has many.
    if (this.out.length < bytes.length * 2) this.out = Buffer.allocUnsafe(bytes.length * 2);
    this.used = 0;
    let [rows, start, quoted] = [0, 0, false];
    let quote = bytes.indexOf(QUOTE);
    for (let end = bytes.indexOf(LF); end !== -1; end = bytes.indexOf(LF, end + 1)) {
      for (; quote !== -1 && quote < end; quote = bytes.indexOf(QUOTE, quote + 1)) quoted = !quoted;
      if (quoted) continue;
      this.appendRow(bytes, start, end);
      start = end + 1;
      rows += 1;
    }
    // A copy: the piece is its sender's again.
    this.rest = Buffer.from(bytes.subarray(start));
    return { text: this.out.subarray(0, this.used), rows };
  }

  private appendRow(bytes: Buffer, start: number, end: number): void {
    const times = this.times > 0 ? this.beginOfTimes(bytes, start, end) : end;
    this.used += bytes.copy(this.out, this.used, start, times);
    if (times < end) this.appendTimes(bytes, times, end);
    this.out[this.used++] = CR;
    this.out[this.used++] = LF;
  }

  private beginOfTimes(bytes: Buffer, start: number, end: number): number {
    let left = this.times;
    for (let at = end - 1; at >= start; at -= 1) if (bytes[at] === COMMA && --left === 0) return at + 1;
    return start;
  }

  /** `2026-01-02 03:04:05.6` as `2026-01-02T03:04:05.6Z`. */
  private appendTimes(bytes: Buffer, start: number, end: number): void {
    let empty = true;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte === COMMA && !empty) this.out[this.used++] = Z;
      this.out[this.used++] = byte === SPACE ? T : byte;
      empty = byte === COMMA;
    }
    if (!empty) this.out[this.used++] = Z;
  }
}
