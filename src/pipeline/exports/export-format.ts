import { stringify } from 'csv-stringify/sync';

/** The formats of an export of rows. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What stands in a cell of CSV. */
export type Cell = string | number | null;

/**
 * What a spreadsheet takes for the beginning of a formula, full-width forms included; white space and what cannot be
 * seen may go before it.
 */
const FORMULA =
  /^[ \t-\r\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]*[-=+@\t\r\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^-?[0-9]+(\.[0-9]+)?$/;

/** Rows as CSV (RFC 4180), each cell harmless to a spreadsheet. */
export function csvLines(rows: readonly (readonly Cell[])[]): string {
  return stringify(
    rows.map((row) => row.map(harmlessCell)),
    // With that delimiter the library takes a single one of its two characters for harmless; readers do not.
    { record_delimiter: 'windows', quoted_match: /[\r\n]/ },
  );
}

/** A cell that a spreadsheet shows and does not run: an apostrophe goes before what looks like a formula. */
export function harmlessCell(value: Cell): Cell {
  return typeof value === 'string' && isFormula(value) ? `'${value}` : value;
}

/** Whether a spreadsheet would run a text. */
export function isFormula(text: string): boolean {
  return FORMULA.test(text) && !NUMBER.test(text);
}

/** A time in SQL as ISO 8601 in UTC with milliseconds or less, in a session whose time zone is UTC. */
export function isoColumn(column: string): string {
  return `replace(${column}::timestamp(3)::text, ' ', 'T') || 'Z'`;
}
