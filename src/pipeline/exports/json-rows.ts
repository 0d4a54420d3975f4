const [TAB, LF, QUOTE, BACKSLASH, SPACE] = [0x09, 0x0a, 0x22, 0x5c, 0x20];
const [UPPER_N, LOWER_V, T, Z] = [0x4e, 0x76, 0x54, 0x5a];
const NULL = Buffer.from('null');
const END = Buffer.from('}\n');
const HEX = Buffer.from('0123456789abcdef');

/**
 * What a column is: `plain` needs no escapes in JSON, `free` may be any text, `time` is a timestamp without a time zone,
 * in UTC, and `json` is JSON already.
 */
export type JsonKind = 'plain' | 'number' | 'free' | 'time' | 'json';

/**
 * Makes of rows as COPY writes them in its text format one JSON object each (NDJSON), and counts them; a cell that is
 * null becomes null. That format is close to JSON, and making it costs Postgres half of what making JSON does. The
 * pieces that it is given may end anywhere.
 */
export class JsonRows {
  private readonly columns: readonly { key: Buffer; kind: JsonKind }[];
  private readonly keys: number;
  /** The beginning of a row whose end has not come yet. */
  private rest = Buffer.alloc(0);
  private out = Buffer.allocUnsafe(1 << 17);
  private used = 0;

  /** @param columns the names of the members, in the order of the cells */
  constructor(columns: Readonly<Record<string, JsonKind>>) {
    this.columns = Object.entries(columns).map(([name, kind], at) => ({
      key: Buffer.from(`${at === 0 ? '{' : ','}${JSON.stringify(name)}:`),
      kind,
    }));
    // With what a value may have around it.
    this.keys = this.columns.reduce((sum, { key }) => sum + key.length + 4, END.length);
  }

  /** The rows that are complete with the piece, and their number. Their bytes are good until the next call. */
  convert(piece: Buffer): { text: Buffer; rows: number } {
    this.used = 0;
    let [rows, start] = [0, 0];
    let end = piece.indexOf(LF);
    if (this.rest.length > 0) {
      const begun = Buffer.concat([this.rest, piece.subarray(0, end + 1 || piece.length)]);
      this.rest = Buffer.alloc(0);
      if (end === -1) {
        this.rest = begun;
        return { text: this.out.subarray(0, 0), rows };
      }
      this.appendRow(begun, 0, begun.length);
      rows += 1;
      start = end + 1;
      end = piece.indexOf(LF, start);
    }
    for (; end !== -1; end = piece.indexOf(LF, start)) {
      this.appendRow(piece, start, end + 1);
      rows += 1;
      start = end + 1;
    }
    // A copy: the piece is its sender's again.
    if (start < piece.length) this.rest = Buffer.from(piece.subarray(start));
    return { text: this.out.subarray(0, this.used), rows };
  }

  private appendRow(bytes: Buffer, start: number, end: number): void {
    // At the most, each byte becomes \u00xx.
    this.reserve(this.keys + 6 * (end - start));
    let at = start;
    for (const { key, kind } of this.columns) {
      this.append(key);
      at = this.appendCell(kind, bytes, at);
    }
    this.append(END);
  }

  private reserve(more: number): void {
    if (this.used + more <= this.out.length) return;
    const larger = Buffer.allocUnsafe(2 * (this.used + more));
    this.out.copy(larger, 0, 0, this.used);
    this.out = larger;
  }

  /** Few bytes, for which a loop is quicker than a call. */
  private append(bytes: Buffer): void {
    const { out } = this;
    let { used } = this;
    for (let at = 0; at < bytes.length; at += 1) out[used++] = bytes[at] as number;
    this.used = used;
  }

  /** Where the next cell begins. */
  private appendCell(kind: JsonKind, bytes: Buffer, start: number): number {
    if (bytes[start] === BACKSLASH && bytes[start + 1] === UPPER_N) {
      this.append(NULL);
      return start + 3;
    }
    if (kind === 'free') return this.appendText(bytes, start);
    if (kind === 'number') return this.appendRaw(bytes, start);
    if (kind === 'json') return this.appendJson(bytes, start);
    this.out[this.used++] = QUOTE;
    const next = kind === 'time' ? this.appendTime(bytes, start) : this.appendRaw(bytes, start);
    this.out[this.used++] = QUOTE;
    return next;
  }

  private appendRaw(bytes: Buffer, start: number): number {
    const { out } = this;
    let { used } = this;
    let at = start;
    for (let byte = bytes[at] as number; byte !== TAB && byte !== LF; byte = bytes[++at] as number)
      out[used++] = byte;
    this.used = used;
    return at + 1;
  }

  /** `2026-01-02 03:04:05.6` as `2026-01-02T03:04:05.6Z`. */
  private appendTime(bytes: Buffer, start: number): number {
    const from = this.used;
    const next = this.appendRaw(bytes, start);
    const space = this.out.indexOf(SPACE, from);
    if (space !== -1 && space < this.used) this.out[space] = T;
    this.out[this.used++] = Z;
    return next;
  }

  /** What COPY writes with a backslash JSON writes the same, but for a vertical tab; quotes and the rest of the control characters it leaves as they are. */
  private appendText(bytes: Buffer, start: number): number {
    const { out } = this;
    let { used } = this;
    let at = start;
    out[used++] = QUOTE;
    for (let byte = bytes[at] as number; byte !== TAB && byte !== LF; byte = bytes[++at] as number) {
      if (byte >= SPACE && byte !== QUOTE && byte !== BACKSLASH) {
        out[used++] = byte;
        continue;
      }
      if (byte === BACKSLASH) byte = bytes[++at] as number;
      if (byte < SPACE || byte === LOWER_V) used = this.appendCode(byte === LOWER_V ? 0x0b : byte, used);
      else {
        out[used++] = BACKSLASH;
        out[used++] = byte;
      }
    }
    out[used++] = QUOTE;
    this.used = used;
    return at + 1;
  }

  private appendCode(byte: number, used: number): number {
    const code = [BACKSLASH, 0x75, 0x30, 0x30, HEX[byte >> 4], HEX[byte & 15]] as number[];
    code.forEach((each, at) => (this.out[used + at] = each));
    return used + code.length;
  }

  /** Of JSON only backslashes were written with one before them. */
  private appendJson(bytes: Buffer, start: number): number {
    const { out } = this;
    let { used } = this;
    let at = start;
    for (let byte = bytes[at] as number; byte !== TAB && byte !== LF; byte = bytes[++at] as number)
      out[used++] = byte === BACKSLASH ? (bytes[++at] as number) : byte;
    this.used = used;
    return at + 1;
  }
}
