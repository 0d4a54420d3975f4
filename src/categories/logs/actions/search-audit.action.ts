import { Inject } from '@nestjs/common';
import { CommandHandler } from '@nestjs/cqrs';
import { IsIn, IsInt, IsString, Length, Matches, Max, Min } from 'class-validator';
import { AUDIT_OUTCOMES, type AuditOutcome } from '../../../pipeline/audit/audit-entry';
import { Action } from '../../../pipeline/catalogue/action.decorator';
import { ActionCommand } from '../../../pipeline/catalogue/action-command';
import type { ActionHandler } from '../../../pipeline/catalogue/action-handler';
import { MayBeAbsent, Recorded } from '../../../pipeline/catalogue/fields';
import { type AuditPage, AuditSearch } from '../audit-search';
import { IsTimestamp } from '../../../platform/validation/timestamp';

@Action({
  name: 'logs.search_audit',
  views: ['system-logs'],
  risk: 'read',
  mode: 'sync',
  roles: ['supervisor', 'readonly'],
  dependsOn: ['postgres'],
  summary: 'Search the audit',
  description:
    'Entries that fit all that is given, newest first, each with its leaf and, once it is sealed, the proof that it is among the entries of a signed seal. A search through very many ends after two seconds with what it has found by then; next_cursor goes on from there, and is null only at the end.',
  errors: [],
  secretFields: ['entries'],
  example: { action: 'job.cancel', outcome: 'succeeded', limit: 50 },
  since: '1.0',
})
export class SearchAudit extends ActionCommand<AuditPage> {
  /** Whose; a user's id or e-mail address. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 254)
  actor?: string;

  /** Of this action. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  action?: string;

  /** What it came to. */
  @Recorded()
  @MayBeAbsent()
  @IsIn(AUDIT_OUTCOMES)
  outcome?: AuditOutcome;

  /** Of the request with this trace id. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(1, 100)
  trace_id?: string;

  /** From this address. */
  @Recorded()
  @MayBeAbsent()
  @IsString()
  @Length(2, 45)
  ip?: string;

  /** Written at or after this time. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  after?: string;

  /** Written before this time. */
  @Recorded()
  @MayBeAbsent()
  @IsTimestamp()
  before?: string;

  /** At most so many. */
  @Recorded()
  @MayBeAbsent()
  @IsInt()
  @Min(1)
  @Max(200)
  limit = 50;

  /** `next_cursor` of the page before, to read on from its end. */
  @Recorded()
  @MayBeAbsent()
  @Matches(/^[1-9]\d{0,14}$/)
  cursor?: string;
}

@CommandHandler(SearchAudit)
export class SearchAuditHandler implements ActionHandler<SearchAudit> {
  constructor(@Inject(AuditSearch) private readonly search: AuditSearch) {}

  execute({ context: _, ...query }: SearchAudit): Promise<AuditPage> {
    return this.search.find(query);
  }
}
