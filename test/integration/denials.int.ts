import { v7 as uuidv7 } from 'uuid';
import { auditEntry } from '../../src/pipeline/audit/audit-entry';
import { AuditLog } from '../../src/pipeline/audit/audit-log';
import { startInstallation, type TestInstallation } from '../support/installation';
import { auditOf } from '../support/pipeline';

/** What is refused is on record, whatever was sent, and whenever. */

let installation: TestInstallation;

beforeAll(async () => {
  installation = await startInstallation({ apis: 1 });
});
afterAll(() => installation?.close());

const recorded = (traceId: string) => auditOf(installation.database, traceId, 1);

describe('the record of denials', () => {
  it('keeps the beginning of what is too long, and goes on with what is refused after it', async () => {
    const { client } = await installation.user('admin');
    const face = '\u{1f600}';
    // The 100th UTF-16 unit is half of a pair.
    const long = await client.action(`${'a'.repeat(99)}${face}bc`);
    const next = await client.action('no.such');
    expect((await recorded(long.body.trace_id))[0]?.detail).toEqual({ action: `${'a'.repeat(99)}${face}` });
    expect((await recorded(next.body.trace_id))[0]?.detail).toEqual({ action: 'no.such' });
  });

  it('leaves out what an entry says if Postgres does not take it, and has all the others', async () => {
    const entries = ['a', '\ud800', 'b'].map((detail) =>
      auditEntry({ phase: 'denial', outcome: 'denied', trace_id: uuidv7(), ip: '192.0.2.1', detail }),
    );
    for (const entry of entries) installation.get(AuditLog).denied(entry);
    const kept = await Promise.all(entries.map(({ trace_id }) => recorded(trace_id ?? '')));
    expect(kept.map(([row]) => row?.detail)).toEqual(['a', null, 'b']);
  });
});
