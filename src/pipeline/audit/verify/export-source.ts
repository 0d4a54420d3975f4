import { type ExportEnd, readExportLine } from './export-lines';
import type { AuditItem, AuditSource, Scope } from './verification';

/** In which order lines stand; an entry besides only after a seal. */
const PLACES: Partial<Record<AuditItem['type'], number>> = { tombstone: 1, seal: 2, entry: 2, unsealed: 3 };

/** The file is not an export of the audit at all. */
export class NotAnExport extends Error {
  override name = 'NotAnExport';
}

/** The audit as it stands in an NDJSON export, read once, a line at a time. */
export class ExportSource implements AuditSource {
  /** What the first line says of the export, once that was read. */
  scope: Scope | undefined;

  constructor(private readonly lines: AsyncIterable<string>) {}

  /** @throws NotAnExport if the first line is not the header of one */
  async *items(firstSeal: number): AsyncGenerator<AuditItem> {
    const counts = { tombstones: 0, seals: 0, entries: 0 };
    let number = 0;
    let end: ExportEnd | undefined;
    let skipping = false;
    let place = 0;
    for await (const line of this.lines) {
      number += 1;
      const item = readExportLine(line);
      if (number === 1 && item?.type !== 'scope')
        throw new NotAnExport('The file does not begin like an NDJSON export of the audit.');
      if (number === 1 && item?.type === 'scope') this.scope = item.scope;
      if (item?.type === 'tombstone') counts.tombstones += 1;
      if (item?.type === 'seal') counts.seals += 1;
      if (item?.type === 'entry' || item?.type === 'unsealed') counts.entries += 1;
      if (end || !item || (item.type === 'scope' && number > 1))
        yield { type: 'damaged', message: `Line ${number} of the export cannot be read.` };
      else if (item.type === 'end') end = item as ExportEnd;
      else {
        const own = PLACES[item.type] ?? 0;
        if (own < place) yield { type: 'damaged', message: `Line ${number} of the export is out of place.` };
        place = Math.max(place, own);
        if (item.type === 'seal') skipping = item.seal.number < firstSeal;
        else if (item.type === 'unsealed') skipping = false;
        if (!skipping || item.type === 'scope') yield item;
      }
    }
    if (number === 0) throw new NotAnExport('The file is empty.');
    const { tombstones = 0, seals, entries } = end ?? {};
    if (tombstones !== counts.tombstones || seals !== counts.seals || entries !== counts.entries)
      yield {
        type: 'damaged',
        message: 'The export is not complete: its last line does not count what it holds.',
      };
    yield { type: 'end' };
  }
}
