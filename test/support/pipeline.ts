import { v7 as uuidv7 } from 'uuid';
import type { AuditEntry } from '../../src/pipeline/audit/audit-entry';
import { PersonalFields } from '../../src/pipeline/audit/subjects/personal-fields';
import {
  type CommandClass,
  type ActionDeclaration,
  declarationOf,
} from '../../src/pipeline/catalogue/action.decorator';
import { fieldNames } from '../../src/pipeline/catalogue/fields';
import { payloadErrors } from '../../src/pipeline/catalogue/payload-validator';
import { ROLES, type Role } from '../../src/platform/security/roles';
import type { TestDatabase } from './database';
import { eventually } from './eventually';
import type { TestInstallation } from './installation';

/** An action as its file declares it. */
export interface DeclaredAction extends ActionDeclaration {
  command: CommandClass;
}

/** The declarations of the product's own commands among `commands`. */
export function productActions(commands: readonly CommandClass[]): DeclaredAction[] {
  return commands.flatMap((command) => {
    const declaration = declarationOf(command);
    return declaration ? [{ ...declaration, command }] : [];
  });
}

/** What the action needs besides its payload. */
export function optionsOf(action: DeclaredAction): { options?: object } {
  return action.risk === 'critical' ? { options: { confirm: action.name, reason: 'for a test' } } : {};
}

/** The roles that do not hold it. */
export function strangers(action: DeclaredAction): Role[] {
  return ROLES.filter((role) => role !== 'admin' && !(action.roles as readonly Role[]).includes(role));
}

/** Payloads that are wrong in one place each, and the path that the answer must name. */
export function brokenPayloads(action: DeclaredAction): [string, Record<string, unknown>, string][] {
  const wrongType: [string, Record<string, unknown>, string][] = [...fieldNames(action.command)].map(
    (field) => [`${field} of a wrong type`, { ...action.example, [field]: 17.5 }, `payload.${field}`],
  );
  const missing: [string, Record<string, unknown>, string][] = Object.keys(action.example).flatMap(
    (field) => {
      const rest = Object.fromEntries(Object.entries(action.example).filter(([key]) => key !== field));
      return payloadErrors(action.command, rest).length > 0
        ? [[`${field} missing`, rest, `payload.${field}`] as [string, Record<string, unknown>, string]]
        : [];
    },
  );
  return [
    ...wrongType,
    ...missing,
    ['a field too many', { ...action.example, nonsense: 1 }, 'payload.nonsense'],
  ];
}

/** A key that was never used. */
export function newKey(): Record<string, string> {
  return { 'x-idempotency-key': uuidv7() };
}

/** An entry of the audit, as the test reads it. */
export interface AuditRow {
  seq: number;
  phase: string;
  kind: string;
  outcome: string;
  execution_id: string | null;
  actor_id: string;
  action: string | null;
  payload: unknown;
  status: number | null;
  error_code: string | null;
  detail: unknown;
  count: number;
}

/** The entries of one request; waits until there are as many as expected. */
export function auditOf(database: TestDatabase, traceId: string, count: number): Promise<AuditRow[]> {
  return eventually(async () => {
    const rows = await database.query<AuditRow>(
      'SELECT * FROM audit_entries WHERE trace_id = $1 ORDER BY seq',
      [traceId],
    );
    if (rows.length < count) throw new Error(`${rows.length} of ${count} entries of ${traceId}`);
    return rows;
  });
}

/** Puts a job with one step per agent into the database, as it would be after the step `failedAgent` failed. */
export async function failedJob(database: TestDatabase, userId: string): Promise<string> {
  return insertJob(database, userId, 'failed', [
    ['inspector', 'completed'],
    ['normaliser', 'failed'],
    ['audio-analyst', 'cancelled'],
  ]);
}

/**
 * Puts a job into the database whose first step waits for a worker.
 *
 * @param forS where there is one: how long the step is put off, in seconds
 */
export async function waitingJob(
  database: Pick<TestDatabase, 'query'>,
  userId: string,
  forS = 0,
): Promise<string> {
  const steps: [string, string][] = [
    ['inspector', 'queued'],
    ['normaliser', 'blocked'],
  ];
  return insertJob(database, userId, 'queued', steps, forS);
}

async function insertJob(
  database: Pick<TestDatabase, 'query'>,
  userId: string,
  status: string,
  steps: [string, string][],
  forS = 0,
): Promise<string> {
  const jobId = uuidv7();
  await database.query(
    `INSERT INTO jobs (id, user_id, title, status, graph_version, finished_at)
     VALUES ($1, $2, 'A test', $3, 1, CASE WHEN $3 = 'failed' THEN now() END)`,
    [jobId, userId, status],
  );
  for (const [position, [agent, state]] of steps.entries()) {
    const needs = position === 0 ? [] : [steps[position - 1]?.[0]];
    await database.query(
      `INSERT INTO steps (id, job_id, agent, needs, position, status, queued_at, not_before)
       VALUES ($1, $2, $3, $4, $5, $6, CASE WHEN $6 = 'queued' THEN now() END, now() + make_interval(secs => $7))`,
      [uuidv7(), jobId, agent, needs, position, state, forS],
    );
  }
  return jobId;
}

/** The same as readers see it: what is personal is not sealed. */
export async function readableAuditOf(
  { database, get }: Pick<TestInstallation, 'database' | 'get'>,
  traceId: string,
  count: number,
): Promise<AuditEntry[]> {
  const stored = await auditOf(database, traceId, count);
  return get(PersonalFields).open(stored as unknown as AuditEntry[]);
}
