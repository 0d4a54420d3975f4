import fc from 'fast-check';
import { cells } from '../../../test/support/copied-row';
import { IsoTimes } from './iso-times';

function written(times: IsoTimes, micros: bigint): string {
  const out = Buffer.alloc(40);
  const end = times.write(new DataView(out.buffer, out.byteOffset), 1, cells.time(micros), 0);
  return out.toString('latin1', 1, end);
}

describe('times of Postgres', () => {
  it('are those that a Date writes, without zeros at the end', () => {
    const times = new IsoTimes();
    fc.assert(
      fc.property(fc.date({ min: new Date(0), max: new Date('2199-12-31'), noInvalidDate: true }), (date) => {
        const wanted = date
          .toISOString()
          .replace('.000', '')
          .replace(/(\.\d*[1-9])0+Z$/, '$1Z');
        expect(written(times, BigInt(date.getTime() - Date.UTC(2000, 0)) * 1000n)).toBe(wanted);
      }),
    );
  });

  it.each([
    [499n, '2000-01-01T00:00:00Z'],
    [500n, '2000-01-01T00:00:00.001Z'],
    [-499n, '2000-01-01T00:00:00Z'],
    [-500n, '1999-12-31T23:59:59.999Z'],
    [59_999_500n, '2000-01-01T00:01:00Z'],
    [5_097_599_999_999n, '2000-02-29T00:00:00Z'],
  ])('are rounded to milliseconds as Postgres rounds them: %d', (micros, wanted) => {
    expect(written(new IsoTimes(), micros)).toBe(wanted);
  });

  it('have no infinity', () => {
    expect(() => written(new IsoTimes(), (1n << 63n) - 1n)).toThrow(RangeError);
  });
});
