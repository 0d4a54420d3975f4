/** Shown where there is no figure. */
const NONE = '–';

/** A count with its thousands apart. */
export function count(value: number): string {
  return value.toLocaleString('en');
}

/** A span of time as people say it. @param seconds null for none */
export function duration(seconds: number | null): string {
  if (seconds === null) return NONE;
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes} min ${Math.floor(seconds % 60)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A number of bytes in the largest unit that it fills. */
export function bytes(value: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  let size = value;
  let unit = 0;
  for (; size >= 1024 && unit < units.length - 1; unit += 1) size /= 1024;
  return `${unit === 0 ? size : size.toFixed(1)} ${units[unit]}`;
}

/** Part of a whole, in percent. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? NONE : `${((100 * part) / whole).toFixed(1)} %`;
}

/** How a figure stands to that of the day before. */
export function change(value: number | null, before: number | null): string {
  if (value === null || before === null) return NONE;
  if (value === before) return 'unchanged';
  if (before === 0) return 'none before';
  const parts = ((value - before) / before) * 100;
  return `${parts > 0 ? '+' : '−'}${Math.abs(parts).toFixed(Math.abs(parts) < 10 ? 1 : 0)} %`;
}
