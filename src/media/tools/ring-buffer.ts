/** Keeps the last `limit` bytes of a stream: the end of a tool's output is where its reason stands. */
export class RingBuffer {
  private chunks: Buffer[] = [];
  private length = 0;
  private dropped = false;

  constructor(private readonly limit = 64 * 1024) {}

  push(chunk: Buffer): void {
    this.chunks.push(chunk);
    this.length += chunk.length;
    while (this.chunks.length > 1 && this.length - (this.chunks[0]?.length ?? 0) >= this.limit) {
      this.length -= this.chunks.shift()?.length ?? 0;
      this.dropped = true;
    }
  }

  /** The kept text; says so when the beginning is missing. */
  toString(): string {
    const all = Buffer.concat(this.chunks);
    const cut = this.dropped || all.length > this.limit;
    const text = all.subarray(Math.max(0, all.length - this.limit)).toString('utf8');
    return cut ? `[... earlier output left out ...]\n${text}` : text;
  }
}

/** Splits a stream into lines. A line longer than `limit` characters is cut there: hostile input chooses its length. */
export class LineSplitter {
  private rest = '';

  constructor(
    private readonly onLine: (line: string) => void,
    private readonly limit = 16 * 1024,
  ) {}

  push(chunk: Buffer): void {
    const parts = (this.rest + chunk.toString('utf8')).split(/\r?\n|\r/);
    this.rest = (parts.pop() ?? '').slice(0, this.limit);
    for (const part of parts) this.onLine(part.slice(0, this.limit));
  }

  /** Hands over what stands after the last line break. */
  end(): void {
    if (this.rest) this.onLine(this.rest);
    this.rest = '';
  }
}
