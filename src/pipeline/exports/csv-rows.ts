import { isFormula } from './export-format';
import { type CellKind, RowText } from './row-text';
import { int32 } from './words';

const [LF, CR, QUOTE, APOSTROPHE, COMMA] = [0x0a, 0x0d, 0x22, 0x27, 0x2c];

/** Makes CSV (RFC 4180) of rows, each cell harmless to a spreadsheet; what is null becomes nothing, an empty text `""`. */
export class CsvRows extends RowText {
  /** @param kinds of the cells, in their order */
  constructor(private readonly kinds: readonly CellKind[]) {
    super();
  }

  override take(bytes: Buffer, start: number, end: number): void {
    // At the most a quote becomes two, and 16 bytes of a UUID 36; what a text has around it has as many bytes as its length.
    this.reserve(3 * (end - start));
    let at = start;
    for (let nth = 0; nth < this.kinds.length; nth += 1) {
      if (nth > 0) this.out[this.used++] = COMMA;
      const length = int32(bytes, at);
      at += 4;
      if (length < 0) continue;
      const kind = this.kinds[nth] as CellKind;
      if (kind === 'free') this.appendText(bytes, at, at + length);
      else this.appendCell(kind, bytes, at, at + length);
      at += length;
    }
    this.out[this.used++] = CR;
    this.out[this.used++] = LF;
  }

  private appendText(bytes: Buffer, start: number, end: number): void {
    const harmless =
      isLetterOrDigit(bytes[start] as number) || !isFormula(bytes.toString('utf8', start, end));
    const from = this.used;
    if (!harmless) this.out[this.used++] = APOSTROPHE;
    // Few need quotes, and of those most of it is copied twice.
    if (start === end || !this.appendUnquoted(bytes, start, end)) {
      this.used = from;
      this.appendQuoted(bytes, start, end, harmless);
    }
  }

  /** Whether that was all. */
  private appendUnquoted(bytes: Buffer, start: number, end: number): boolean {
    const { out } = this;
    let { used } = this;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte <= COMMA && (byte === COMMA || byte === QUOTE || byte === LF || byte === CR)) return false;
      out[used++] = byte;
    }
    this.used = used;
    return true;
  }

  private appendQuoted(bytes: Buffer, start: number, end: number, harmless: boolean): void {
    const { out } = this;
    let { used } = this;
    out[used++] = QUOTE;
    if (!harmless) out[used++] = APOSTROPHE;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) out[used++] = QUOTE;
      out[used++] = byte;
    }
    out[used++] = QUOTE;
    this.used = used;
  }
}

/** No formula begins with one, and most texts do. */
function isLetterOrDigit(byte: number): boolean {
  return (byte > 0x40 && byte < 0x7f) || (byte >= 0x30 && byte <= 0x39);
}
