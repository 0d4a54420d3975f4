import { type CellKind, RowText } from './row-text';
import { int32, Words } from './words';

const [QUOTE, BACKSLASH, SPACE, LOWER_U, ZERO] = [0x22, 0x5c, 0x20, 0x75, 0x30];
const NULL = Buffer.from('null');
const END = Buffer.from('}\n');
const HEX = Buffer.from('0123456789abcdef');
/** What control characters have after a backslash, where JSON has a short form. */
const SHORT: Readonly<Record<number, number>> = {
  0x08: 0x62,
  0x09: 0x74,
  0x0a: 0x6e,
  0x0c: 0x66,
  0x0d: 0x72,
};
/** JSON has quotes around those; around `free` too, which is written in a way of its own. */
const QUOTED: ReadonlySet<CellKind> = new Set<CellKind>(['uuid', 'plain', 'time']);

/** Makes one JSON object of each row (NDJSON). */
export class JsonRows extends RowText {
  private readonly columns: readonly { key: Words; kind: CellKind; quoted: boolean }[];
  private readonly keys: number;

  /** @param columns the names of the members, in the order of the cells */
  constructor(columns: Readonly<Record<string, CellKind>>) {
    super();
    this.columns = Object.entries(columns).map(([name, kind], at) => ({
      key: new Words(`${at === 0 ? '{' : ','}${JSON.stringify(name)}:`),
      kind,
      quoted: QUOTED.has(kind),
    }));
    this.keys = this.columns.reduce((sum, { key }) => sum + key.length, END.length + 3);
  }

  override take(bytes: Buffer, start: number, end: number): void {
    // At the most, each byte becomes \u00xx; what a value has around it has as many bytes as its length.
    this.reserve(this.keys + 6 * (end - start));
    let at = start;
    for (const { key, kind, quoted } of this.columns) {
      this.used = key.write(this.view, this.used);
      const length = int32(bytes, at);
      at += 4;
      if (length < 0) {
        this.append(NULL, 0, NULL.length);
        continue;
      }
      if (kind === 'free') this.appendText(bytes, at, at + length);
      else {
        if (quoted) this.out[this.used++] = QUOTE;
        this.appendCell(kind, bytes, at, at + length);
        if (quoted) this.out[this.used++] = QUOTE;
      }
      at += length;
    }
    this.append(END, 0, END.length);
  }

  private appendText(bytes: Buffer, start: number, end: number): void {
    const { out } = this;
    let { used } = this;
    out[used++] = QUOTE;
    for (let at = start; at < end; at += 1) {
      const byte = bytes[at] as number;
      if (byte < SPACE) used = this.appendControl(byte, used);
      else {
        if (byte === QUOTE || byte === BACKSLASH) out[used++] = BACKSLASH;
        out[used++] = byte;
      }
    }
    out[used++] = QUOTE;
    this.used = used;
  }

  private appendControl(byte: number, used: number): number {
    const short = SHORT[byte];
    const code = short ? [short] : [LOWER_U, ZERO, ZERO, HEX[byte >> 4] as number, HEX[byte & 15] as number];
    [BACKSLASH, ...code].forEach((each, at) => (this.out[used + at] = each));
    return used + 1 + code.length;
  }
}
