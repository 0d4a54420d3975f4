/** A node of what EXPLAIN (ANALYZE, FORMAT JSON) answers. */
export interface Plan {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Rows': number;
  'Rows Removed by Filter'?: number;
  Plans?: Plan[];
}

/** Rows that may be read in vain, besides two for each that is not: in a small range that is cheaper than another index. */
const FEW = 750;
/** Counts go this far; nothing reads more rows in one go. */
const MOST = 10_001;
/** Percentiles are those of a thousand rows; what is listed comes in order. */
const MOST_SORTED = 1_000;

/** The parts of a plan that would take longer the more rows the tables have, in words. */
export function costlyParts(plan: Plan, tables: readonly string[]): string[] {
  const { 'Node Type': type, 'Relation Name': table = '', 'Index Name': index = '' } = plan;
  const where = `${type} ${index} on ${table}`;
  const rows = plan['Actual Rows'];
  const removed = plan['Rows Removed by Filter'] ?? 0;
  const own = !tables.includes(table)
    ? []
    : [
        ...(type === 'Seq Scan' ? [where] : []),
        ...(removed > FEW + 2 * rows ? [`${where} reads ${removed} rows in vain`] : []),
        ...(rows > MOST ? [`${where} reads ${rows} rows`] : []),
      ];
  const input = plan.Plans?.[0]?.['Actual Rows'] ?? 0;
  const sorted = type === 'Sort' && input > MOST_SORTED ? [`sorts ${input} rows`] : [];
  const combined = type === 'BitmapAnd' ? ['combines indexes, of which none has all conditions'] : [];
  return [
    ...own,
    ...sorted,
    ...combined,
    ...(plan.Plans ?? []).flatMap((child) => costlyParts(child, tables)),
  ];
}
