import type { ActionContext } from '../../../pipeline/catalogue/action-command';
import { payloadErrors, validatePayload } from '../../../pipeline/catalogue/payload-validator';
import type { AuditPage, AuditQuery, AuditSearch } from '../audit-search';
import { SearchAudit, SearchAuditHandler } from './search-audit.action';

describe('logs.search_audit', () => {
  it('looks for what was asked for, and nothing of the context', async () => {
    const queries: AuditQuery[] = [];
    const search = {
      find: (query: AuditQuery) => {
        queries.push(query);
        return Promise.resolve({} as AuditPage);
      },
    } as unknown as AuditSearch;
    const validated = validatePayload(SearchAudit, { action: 'job.cancel' });
    if (!('command' in validated)) throw new Error('a good payload was refused');
    const command = Object.assign(validated.command as SearchAudit, { context: {} as ActionContext });
    await new SearchAuditHandler(search).execute(command);
    expect(queries).toEqual([{ action: 'job.cancel', limit: 50 }]);
  });

  it.each([
    [{ outcome: 'done' }, 'payload.outcome'],
    [{ actor: '' }, 'payload.actor'],
    [{ limit: 0 }, 'payload.limit'],
    [{ limit: 201 }, 'payload.limit'],
    [{ cursor: '1; DROP' }, 'payload.cursor'],
    [{ cursor: '-1' }, 'payload.cursor'],
    [{ after: 'yesterday' }, 'payload.after'],
    [{ before: '2026-13-01' }, 'payload.before'],
    [{ ip: 1 }, 'payload.ip'],
    [{ user: 'x' }, 'payload.user'],
  ])('refuses %j', (payload, path) => {
    expect(payloadErrors(SearchAudit, payload).map((error) => error.path)).toContain(path);
  });
});
