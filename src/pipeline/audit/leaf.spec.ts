import * as fc from 'fast-check';
import { createHash } from 'node:crypto';
import { canonicalJson } from '../../platform/security/canonical-json';
import { auditEntry } from './audit-entry';
import { LEAF_COLUMNS, leafHash, leafRow, type SealedFields } from './leaf';

const STAMP = { seq: 7, at: '2026-01-02T03:04:05.678901Z' };
const entry = auditEntry({ phase: 'intent', outcome: 'pending', action: 'job.cancel', payload: { a: 1 } });
const row = leafRow(entry, STAMP);
const hex = (fields: SealedFields) => leafHash(fields).toString('hex');

describe('the leaf of an audit entry', () => {
  it('is SHA-256 of 0x00 and the canonical JSON of version and columns', () => {
    const text =
      '["agentos-audit-entry/1",{"action":"job.cancel","actor_id":null,"actor_role":null,' +
      '"at":"2026-01-02T03:04:05.678901Z","count":1,"detail":null,"error_code":null,"execution_id":null,' +
      '"ip":null,"kind":"act","outcome":"pending","payload":{"a":1},"phase":"intent","reason":null,"seq":7,' +
      '"status":null,"trace_id":null,"user_agent":null}]';
    expect(hex(row)).toBe(createHash('sha256').update(`\0${text}`).digest('hex'));
  });

  it.each(LEAF_COLUMNS)('changes with %s', (column) => {
    const other = { ...row, [column]: row[column] === 1 ? 2 : column === 'seq' ? 8 : 'changed' };
    expect(hex(other)).not.toBe(hex(row));
  });

  it('does not mistake a column for its neighbour', () => {
    expect(hex({ ...row, actor_role: 'ab', action: 'c' })).not.toBe(
      hex({ ...row, actor_role: 'a', action: 'bc' }),
    );
    expect(hex({ ...row, ip: 'x', trace_id: null })).not.toBe(hex({ ...row, ip: null, trace_id: 'x' }));
  });

  it('is the same whatever else a row brings, and for any order of keys', () => {
    const read = {
      extra: 1,
      ...Object.fromEntries(Object.entries(row).reverse()),
    } as unknown as SealedFields;
    expect(hex(read)).toBe(hex(row));
    expect(hex({ ...row, payload: { b: 2, a: 1 } })).toBe(hex({ ...row, payload: { a: 1, b: 2 } }));
  });

  it('is made of canonical JSON, whatever the columns hold', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: 'binary' }), fc.integer(), (payload, text, status) => {
        const fields = { ...row, payload, reason: text.toWellFormed(), status };
        const canonical = `\0${canonicalJson(['agentos-audit-entry/1', fields])}`;
        expect(hex(fields)).toBe(createHash('sha256').update(canonical).digest('hex'));
      }),
    );
  });

  it('survives any journey through JSON', () => {
    fc.assert(
      fc.property(fc.jsonValue(), (payload) => {
        const read = JSON.parse(JSON.stringify({ ...row, payload })) as SealedFields;
        expect(hex(read)).toBe(hex({ ...row, payload }));
      }),
    );
  });
});
