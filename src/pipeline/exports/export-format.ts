import { stringify } from 'csv-stringify/sync';

/** The formats of an export. */
export const EXPORT_FORMATS = ['csv', 'ndjson'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

/** Content type of each format. */
export const CONTENT_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8',
  ndjson: 'application/x-ndjson',
};

/** What stands in a cell of CSV. */
export type Cell = string | number | null;

/** What a spreadsheet takes for the beginning of a formula, full-width forms included. */
const FORMULA = /^[\s\u200b\ufeff]*[=+\-@\t\r\uff1d\uff0b\uff0d\uff20]/;
const NUMBER = /^-?\d+(?:\.\d+)?$/;

/** Rows as CSV (RFC 4180), each cell harmless to a spreadsheet. */
export function csvLines(rows: readonly (readonly Cell[])[]): string {
  return stringify(rows.map((row) => row.map(harmlessCell)));
}

/** A cell that a spreadsheet shows and does not run: an apostrophe goes before what looks like a formula. */
export function harmlessCell(value: Cell): Cell {
  if (typeof value !== 'string' || NUMBER.test(value) || !FORMULA.test(value)) return value;
  return `'${value}`;
}
