import { SpanKind } from '@opentelemetry/api';
import { inSpan } from '../telemetry/spans';
import { currentTrace } from '../telemetry/trace-scope';

const VERB = /\b(SELECT|INSERT|UPDATE|DELETE)\b/i;
/** Not the FROM of `extract(epoch FROM ...)`. */
const TABLE = /(?<!epoch )\b(?:INTO|UPDATE|FROM)\s+([a-z_]+)/i;

/** What a statement is called: its first verb and the first table that it names. */
export function statementName(sql: string): string {
  const verb = VERB.exec(sql)?.[1]?.toUpperCase() ?? 'STATEMENT';
  const table = TABLE.exec(sql)?.[1];
  return table ? `${verb} ${table}` : verb;
}

/** Runs a statement as a part of what is traced. Neither its text nor its parameters are recorded. */
export function inStatement<T>(sql: string, work: () => Promise<T>): Promise<T> {
  // The name is only worth making where somebody will read it.
  if (!currentTrace()?.span?.isRecording()) return work();
  const name = statementName(sql);
  return inSpan(name, work, {
    kind: SpanKind.CLIENT,
    attributes: { 'db.system.name': 'postgresql', 'db.query.summary': name },
  });
}
