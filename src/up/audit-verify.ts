import { open } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import { DataSource } from 'typeorm';
import { CheckpointFile } from '../pipeline/audit/seals/checkpoint-file';
import { AuditVerifier } from '../pipeline/audit/verify/audit-verifier';
import { ExportSource, NotAnExport } from '../pipeline/audit/verify/export-source';
import { PostgresSource } from '../pipeline/audit/verify/postgres-source';
import type { AuditSource, Scope, Verification } from '../pipeline/audit/verify/verification';
import { dataSourceOptions } from '../platform/postgres/data-source';
import { Db } from '../platform/postgres/db';
import { AuditKeys, readPublicKey, type VerifyingKey } from '../platform/security/audit-keys';
import { EnvError, loadEnv } from '../platform/settings/env';
import { readJson } from './files';
import { answerHelp } from './help';
import { StartProblem } from './problem';
import { type Endpoints, homeFolder, installationFiles, loadDotEnv } from './settings';

const USAGE = `Usage:
  npm run audit:verify                        the audit in Postgres, with the keys and checkpoints of this installation
  npm run audit:verify -- --export FILE --public-key FILE [--public-key FILE ...] [--checkpoints FILE]
                                              an NDJSON export by logs.export_audit, with nothing else at hand
  either with --from-seal N                   only from that seal on

Exits with 0 if the audit is intact, with 1 if it was tampered with, and with 2 if it could not be verified.`;

/** Findings that are printed. */
const SHOWN = 20;

interface Options {
  export?: string;
  publicKeys: string[];
  checkpoints?: string;
  fromSeal: number;
}

/** What there is to verify, and with what. */
interface Task {
  source: AuditSource & { readonly scope?: Scope };
  keys: VerifyingKey[];
  /** The path; undefined if there are none. */
  checkpoints: string | undefined;
  close(): Promise<void>;
}

function readOptions(args: string[]): Options {
  try {
    const { values } = parseArgs({
      args,
      options: {
        export: { type: 'string' },
        'public-key': { type: 'string', multiple: true, default: [] },
        checkpoints: { type: 'string' },
        'from-seal': { type: 'string', default: '1' },
      },
    });
    const fromSeal = Number(values['from-seal']);
    if (!Number.isSafeInteger(fromSeal) || fromSeal < 1)
      throw new Error('--from-seal is not a number from 1');
    if (values.export && values['public-key'].length === 0)
      throw new Error(
        'An export needs at least one --public-key: audit-*.pub.pem of the installation it is from',
      );
    const { export: file, 'public-key': publicKeys, checkpoints } = values;
    return { export: file, publicKeys, checkpoints, fromSeal };
  } catch (error) {
    throw new StartProblem(`${(error as Error).message}.\n\n${USAGE}`);
  }
}

async function offlineTask(file: string, { publicKeys, checkpoints }: Options): Promise<Task> {
  const keys = await Promise.all(publicKeys.map(readPublicKey));
  // Named on the command line, so it must be there.
  if (checkpoints) await (await open(checkpoints)).close();
  return { source: new ExportSource(linesOf(file)), keys, checkpoints, close: () => Promise.resolve() };
}

async function onlineTask({ publicKeys, checkpoints }: Options): Promise<Task> {
  loadDotEnv();
  const home = homeFolder();
  const env = loadEnv({ ...process.env, AGENTOS_HOME: home });
  const given =
    process.env.DATABASE_URL || readJson<Endpoints>(installationFiles(home).endpointsFile)?.database_url;
  if (!given)
    throw new StartProblem('There is no database: start the system first (npm start), or set DATABASE_URL.');
  const keys =
    publicKeys.length > 0
      ? await Promise.all(publicKeys.map(readPublicKey))
      : await new AuditKeys(env).verifying();
  if (keys.length === 0) throw new StartProblem(`There is no public key audit-*.pub.pem in ${env.keysDir}.`);
  const connection = await new DataSource(dataSourceOptions(given, 1)).initialize();
  return {
    source: new PostgresSource(new Db(connection)),
    keys,
    checkpoints: checkpoints ?? env.auditCheckpointFile,
    close: () => connection.destroy(),
  };
}

async function* linesOf(path: string): AsyncGenerator<string> {
  // Read as soon as it is made: lines that nobody waits for yet would be lost.
  yield* (await open(path)).readLines();
}

async function* noCheckpoints(): AsyncGenerator<never> {}

/** What nobody has signed, and whoever asked for the export has to know. */
function describeExport(scope: Scope | undefined): string[] {
  if (!scope?.period) return [];
  const { exported_at: at, after, before } = scope.period;
  const [from, to] = [after ?? 'the beginning', before ?? 'the end of that moment'];
  return [`By its own account the export was made at ${at} and goes from ${from} to ${to}.`];
}

function describe(result: Verification, scope: Scope | undefined): string {
  const {
    first_seal: from,
    last_seal: to,
    seals,
    entries,
    unsealed,
    retired,
    findings,
    findings_total: total,
  } = result;
  const range = from === null ? 'no seal' : `${seals} seals (${from} to ${to})`;
  const lines = [`${range} over ${entries} entries; ${unsealed} entries are too new to be sealed.`];
  lines.push(...describeExport(scope));
  if (retired > 0) lines.push(`${retired} older entries were retired; tombstones stand in their place.`);
  lines.push(
    result.witnessed_seal === null
      ? 'There are no checkpoints: a cut-off tail cannot be seen.'
      : `The checkpoints reach seal ${result.witnessed_seal}.`,
  );
  if (result.intact) return ['The audit is intact.', ...lines].join('\n');
  const { first } = result;
  const where = first?.seq === null ? '' : ` First bad entry: ${first?.seq}.`;
  lines.push(`THE AUDIT WAS TAMPERED WITH: ${first?.message}${where}`);
  for (const one of findings.slice(0, SHOWN)) lines.push(`  ${one.kind}: ${one.message}`);
  if (total > SHOWN) lines.push(`  and ${total - SHOWN} more`);
  return lines.join('\n');
}

async function main(): Promise<void> {
  if (answerHelp(process.argv.slice(2), USAGE)) return;
  // Whatever ends this program before it has come to a result, it is not that the audit is intact.
  process.exitCode = 2;
  const options = readOptions(process.argv.slice(2));
  const task =
    options.export === undefined ? await onlineTask(options) : await offlineTask(options.export, options);
  try {
    const checkpoints = task.checkpoints ? new CheckpointFile(task.checkpoints).all() : noCheckpoints();
    const result = await AuditVerifier.verify(task.source, task.keys, checkpoints, options);
    process.stdout.write(`${describe(result, task.source.scope)}\n`);
    process.exitCode = result.intact ? 0 : 1;
  } finally {
    await task.close();
  }
}

if (require.main === module) {
  main().catch((error: NodeJS.ErrnoException) => {
    const known =
      error instanceof StartProblem ||
      error instanceof NotAnExport ||
      error instanceof EnvError ||
      error.code !== undefined;
    process.stderr.write(
      `The audit could not be verified: ${known ? error.message : (error.stack ?? error.message)}\n`,
    );
    process.exitCode = 2;
  });
}
