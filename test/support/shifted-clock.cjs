'use strict';

/** Preloaded into a process (node -r): its clock goes by CLOCK_SHIFT_MS, as on a machine whose time is wrong. */
const shift = Number(process.env.CLOCK_SHIFT_MS);
if (!Number.isInteger(shift)) throw new Error('CLOCK_SHIFT_MS must be a whole number of milliseconds');

const RealDate = Date;
globalThis.Date = class Date extends RealDate {
  constructor(...args) {
    super(...(args.length > 0 ? args : [RealDate.now() + shift]));
  }

  static now() {
    return RealDate.now() + shift;
  }
};
