/** What makes rows of one form of those of another, in pieces that may end anywhere. */
interface RowConverter {
  convert(piece: Buffer): { text: Buffer; rows: number };
}

/** What becomes of a text that comes in pieces cut at these places. */
export function convertInPieces(
  converter: RowConverter,
  text: string,
  cuts: readonly number[] = [],
): { text: string; rows: number } {
  const bytes = Buffer.from(text);
  const places = [0, ...cuts.map((cut) => cut % (bytes.length + 1)).sort((a, b) => a - b), bytes.length];
  let rows = 0;
  const pieces = places.slice(1).map((to, n) => {
    // Its sender uses the memory again.
    const piece = Buffer.from(bytes.subarray(places[n], to));
    const converted = converter.convert(piece);
    rows += converted.rows;
    const out = Buffer.from(converted.text);
    piece.fill(0);
    return out;
  });
  return { text: Buffer.concat(pieces).toString(), rows };
}
