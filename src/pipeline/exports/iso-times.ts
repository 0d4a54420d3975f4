import { int32, Words } from './words';

const [ZERO, COLON, POINT, Z] = [0x30, 0x3a, 0x2e, 0x5a];
const MS_PER_DAY = 86_400_000;
/** Postgres counts from there. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
/** A power of two. */
const DAYS_KEPT = 64;
/** What is less than a hundred, with two digits. */
const TWO = Uint16Array.from({ length: 100 }, (_, value) =>
  Buffer.from(String(value).padStart(2, '0')).readUInt16BE(),
);

/** Writes times that Postgres sends in its binary format, microseconds since 2000 as an int64, as ISO 8601 in UTC. */
export class IsoTimes {
  /** By the last bits of their numbers: rows that follow each other have times of the same few days. */
  private readonly days = Array.from({ length: DAYS_KEPT }, () => ({ day: Number.NaN, date: new Words('') }));

  /**
   * Writes a time, rounded to milliseconds and without zeros at the end, at `start`; where it ends.
   *
   * @throws RangeError for infinity
   */
  write(view: DataView, start: number, bytes: Buffer, at: number): number {
    const micros = int32(bytes, at) * 2 ** 32 + (int32(bytes, at + 4) >>> 0);
    // As Postgres rounds: what is halfway goes away from zero.
    const ms = micros < 0 ? -Math.round(-micros / 1000) : Math.round(micros / 1000);
    const day = Math.floor(ms / MS_PER_DAY);
    return writeTime(view, this.date(day).write(view, start), whole(ms - day * MS_PER_DAY));
  }

  /** A day with the T after it. */
  private date(day: number): Words {
    const slot = this.days[day & (DAYS_KEPT - 1)] as { day: number; date: Words };
    if (slot.day !== day) {
      const [date] = new Date(EPOCH_MS + day * MS_PER_DAY).toISOString().split('T');
      slot.date = new Words(`${date}T`);
      slot.day = day;
    }
    return slot.date;
  }
}

function writeTime(view: DataView, start: number, msOfDay: number): number {
  const seconds = whole(msOfDay / 1000);
  const minutes = whole(seconds / 60);
  view.setUint16(start, TWO[whole(minutes / 60)] as number);
  view.setUint8(start + 2, COLON);
  view.setUint16(start + 3, TWO[minutes % 60] as number);
  view.setUint8(start + 5, COLON);
  view.setUint16(start + 6, TWO[seconds % 60] as number);
  const end = writeFraction(view, start + 8, msOfDay - seconds * 1000);
  view.setUint8(end, Z);
  return end + 1;
}

function writeFraction(view: DataView, start: number, ms: number): number {
  if (ms === 0) return start;
  const tens = whole(ms / 10);
  const ones = ms - 10 * tens;
  const tenths = whole(tens / 10);
  view.setUint8(start, POINT);
  view.setUint8(start + 1, ZERO + tenths);
  view.setUint8(start + 2, ZERO + tens - 10 * tenths);
  view.setUint8(start + 3, ZERO + ones);
  if (ones > 0) return start + 4;
  return start + (tens > 10 * tenths ? 3 : 2);
}

/** Of what fits into 32 bits, for which processors have an instruction. */
function whole(value: number): number {
  return value | 0;
}
