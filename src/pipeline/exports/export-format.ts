import { stringify } from 'csv-stringify/sync';

/** The formats of an export of rows. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** What stands in a cell of CSV. */
export type Cell = string | number | null;

/**
 * What a spreadsheet takes for the beginning of a formula, full-width forms included; white space and what cannot be
 * seen may go before it. Written so that JavaScript and Postgres read the same.
 */
const FORMULA = String.raw`^[ \t-\r\u0085\u00a0\u1680\u2000-\u200b\u2028\u2029\u202f\u205f\u3000\ufeff]*[-=+@\t\r\uff1d\uff0b\uff0d\uff20]`;
const NUMBER = String.raw`^-?[0-9]+(\.[0-9]+)?$`;
const IS_FORMULA = new RegExp(FORMULA);
const IS_NUMBER = new RegExp(NUMBER);

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
  if (typeof value !== 'string' || IS_NUMBER.test(value) || !IS_FORMULA.test(value)) return value;
  return `'${value}`;
}

/**
 * The same in SQL, for a column of text. Most texts begin with a letter, which one comparison tells: the patterns
 * are for the rest.
 */
export function harmlessColumn(column: string): string {
  return `CASE WHEN ${column} IS NULL OR ${column} COLLATE "C" BETWEEN 'A' AND '~' THEN ${column}
    WHEN ${column} ~ '${FORMULA}' AND ${column} !~ '${NUMBER}' THEN '''' || ${column} ELSE ${column} END`;
}

/** A time in SQL as ISO 8601 in UTC with milliseconds or less, in a session whose time zone is UTC. */
export function isoColumn(column: string): string {
  return `replace(${column}::timestamp(3)::text, ' ', 'T') || 'Z'`;
}
