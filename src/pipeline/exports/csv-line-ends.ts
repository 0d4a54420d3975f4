const LF = 0x0a;
const CR = 0x0d;
const QUOTE = 0x22;

/**
 * Ends the rows of CSV with CRLF, as RFC 4180 has it, where they end with LF, and counts them. What stands in
 * quotes stays as it is. The pieces that it is given may end anywhere.
 */
export class CsvLineEnds {
  private quoted = false;
  private out = Buffer.allocUnsafe(1 << 17);
  private used = 0;

  /** The piece with its line ends, and how many rows ended in it. Its bytes are good until the next call. */
  convert(piece: Buffer): { text: Buffer; rows: number } {
    // At the most, each byte is the end of a row.
    if (this.out.length < piece.length * 2) this.out = Buffer.allocUnsafe(piece.length * 2);
    this.used = 0;
    let rows = 0;
    let copied = 0;
    let quote = piece.indexOf(QUOTE);
    for (let end = piece.indexOf(LF); end !== -1; end = piece.indexOf(LF, end + 1)) {
      quote = this.passQuotes(piece, quote, end);
      if (this.quoted) continue;
      this.append(piece, copied, end);
      this.out[this.used++] = CR;
      this.out[this.used++] = LF;
      copied = end + 1;
      rows += 1;
    }
    this.passQuotes(piece, quote, piece.length);
    this.append(piece, copied, piece.length);
    return { text: this.out.subarray(0, this.used), rows };
  }

  /** Notes the quotes from `quote` to `end`; where the next one is. */
  private passQuotes(piece: Buffer, quote: number, end: number): number {
    let next = quote;
    while (next !== -1 && next < end) {
      this.quoted = !this.quoted;
      next = piece.indexOf(QUOTE, next + 1);
    }
    return next;
  }

  private append(piece: Buffer, from: number, to: number): void {
    this.used += piece.copy(this.out, this.used, from, to);
  }
}
