import { type Cell, csvLines } from '../../../pipeline/exports/export-format';
import type { DailyReport } from './report';

/** What names a row of a list; whatever else it has are figures. */
const NAMES: readonly string[] = ['hour', 'agent', 'error_code', 'action', 'job_id', 'title'];

type Figures = Readonly<Record<string, Cell>>;

/** A report as rows of one figure each, so that every day has the same columns. */
export function reportCsv(report: DailyReport): { text: string; rows: number } {
  const before = new Map(figuresOf(report.day_before).map((row) => [row.slice(0, 3).join('\n'), row[3]]));
  const after = new Map(figuresOf(report.day).map((row) => [row.slice(0, 3).join('\n'), row]));
  for (const row of figuresOf(report.day_before))
    if (!after.has(row.slice(0, 3).join('\n')))
      after.set(row.slice(0, 3).join('\n'), [...row.slice(0, 3), null]);
  const rows = [...after].map(([key, row]): Cell[] => [report.date, ...row, before.get(key) ?? null]);
  return {
    text: csvLines([['date', 'section', 'name', 'figure', 'value', 'day_before'], ...rows]),
    rows: rows.length,
  };
}

/** Section, name, figure and value. */
function figuresOf(day: DailyReport['day']): Cell[][] {
  return Object.entries(day).flatMap(([section, figures]) =>
    [figures as Figures | Figures[]].flat().flatMap((row) => {
      const names = NAMES.filter((name) => name in row).map((name) => row[name]);
      return Object.entries(row)
        .filter(([figure]) => !NAMES.includes(figure))
        .map(([figure, value]): Cell[] => [section, names.join(' '), figure, value]);
    }),
  );
}
