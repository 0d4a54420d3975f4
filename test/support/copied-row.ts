/** Cells as Postgres sends them in its binary format; null is null. */
export const cells = {
  text: (value: string | null): Buffer | null => (value === null ? null : Buffer.from(value)),
  uuid: (value: string): Buffer => Buffer.from(value.replaceAll('-', ''), 'hex'),
  smallint(value: number): Buffer {
    const bytes = Buffer.alloc(2);
    bytes.writeInt16BE(value);
    return bytes;
  },
  integer: int32,
  /** @param micros since 2000 */
  time(micros: bigint): Buffer {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(micros);
    return bytes;
  },
};

/** The cells of a row, each with its length before it. */
export function copiedRow(row: readonly (Buffer | null)[]): Buffer {
  return Buffer.concat(row.flatMap((cell) => (cell ? [int32(cell.length), cell] : [int32(-1)])));
}

/** What rows become, one after the other, each in memory that is used again. */
export function textOf(
  rows: { take(bytes: Buffer, at: number, end: number): void; taken(): Buffer },
  given: readonly (readonly (Buffer | null)[])[],
): string {
  for (const row of given) {
    const bytes = copiedRow(row);
    const around = Buffer.concat([Buffer.from('before'), bytes, Buffer.from('after')]);
    rows.take(around, 6, 6 + bytes.length);
    around.fill(0);
  }
  return rows.taken().toString();
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
