import {
  FORMAT,
  changedSections,
  documentHash,
  parseDocument,
  SECTIONS,
  sectionHash,
  serialise,
} from './document';
import type { SnapshotDto } from './snapshot.dto';

function document(changes: Partial<Record<(typeof SECTIONS)[number], object | null>> = {}): SnapshotDto {
  const asOf = new Date('2026-01-01T12:00:00.000Z');
  const parts = Object.fromEntries(SECTIONS.map((name) => [name, changes[name] ?? { name }]));
  const sections = Object.fromEntries(
    SECTIONS.map((name) => [name, { as_of: asOf, stale: false, hash: sectionHash(parts[name] ?? null) }]),
  );
  return {
    version: 7,
    format: FORMAT,
    as_of: asOf,
    stale: false,
    sections,
    agents: null,
    ...parts,
  } as unknown as SnapshotDto;
}

describe('sectionHash', () => {
  it('changes with the content, at any depth, and not with heartbeats', () => {
    const section = { workers: [{ worker_id: 'w', rss_bytes: 1, active_steps: 0 }] };
    expect(sectionHash({ workers: [{ worker_id: 'w', rss_bytes: 2, active_steps: 0 }] })).toBe(
      sectionHash(section),
    );
    expect(sectionHash({ workers: [{ worker_id: 'w', rss_bytes: 1, active_steps: 1 }] })).not.toBe(
      sectionHash(section),
    );
    expect(sectionHash(null)).not.toBe(sectionHash({}));
  });

  it('is the same for what was read from the cache', () => {
    const section = { at: new Date(0), list: [1, { b: null }] };
    expect(sectionHash(JSON.parse(JSON.stringify(section)) as object)).toBe(sectionHash(section));
  });
});

describe('documentHash and changedSections', () => {
  it('tell what changed', () => {
    const [before, after] = [document(), document({ queue: { paused: 1 } })];
    expect(changedSections(before, after)).toEqual(['queue']);
    expect(changedSections(before, document())).toEqual([]);
    expect(changedSections(undefined, after)).toEqual(SECTIONS);
    expect(documentHash(after.sections)).not.toBe(documentHash(before.sections));
  });

  it('count becoming stale as a change', () => {
    const [before, after] = [document(), document()];
    const logs = after.sections['logs'];
    if (logs) logs.stale = true;
    expect(changedSections(before, after)).toEqual(['logs']);
    expect(documentHash(after.sections)).not.toBe(documentHash(before.sections));
  });
});

describe('parseDocument', () => {
  it('reads what serialise writes, version first', () => {
    const text = serialise(document());
    expect(text).toMatch(/^\{"version":7,/);
    expect(parseDocument(text)).toMatchObject({ version: 7, as_of: new Date('2026-01-01T12:00:00.000Z') });
  });

  const good = JSON.parse(serialise(document())) as Record<string, unknown>;
  it.each([
    ['nothing', null],
    ['an empty text', ''],
    ['no JSON', 'x'],
    ['no object', '7'],
    ['null', 'null'],
    ['a cut text', serialise(document()).slice(0, -1)],
    ['another form', JSON.stringify({ ...good, format: FORMAT - 1 })],
    ['no form', JSON.stringify({ ...good, format: undefined })],
    ['no version', JSON.stringify({ ...good, version: undefined })],
    ['a version that is no number', JSON.stringify({ ...good, version: '7' })],
    ['a time that is none', JSON.stringify({ ...good, as_of: 'noon' })],
    ['a missing section', JSON.stringify({ ...good, logs: undefined })],
    ['a section without meta', JSON.stringify({ ...good, sections: {} })],
    ['far too much', `{"version":7,"x":"${'x'.repeat(3_000_000)}"}`],
  ])('refuses %s', (_name, text) => {
    expect(parseDocument(text)).toBeUndefined();
  });
});
