import { DataSource } from 'typeorm';
import { dataSourceOptions } from '../platform/postgres/data-source';
import { Db } from '../platform/postgres/db';
import { type Erasure, eraseUser } from './erasure';
import { readJson } from './files';
import { answerHelp } from './help';
import { StartProblem } from './problem';
import { type Endpoints, homeFolder, installationFiles, loadDotEnv } from './settings';

const USAGE = `Usage: npm run user:erase -- USER --yes

USER is the id or the e-mail address of an account. What is erased cannot be brought back.`;

async function main(args: readonly string[]): Promise<void> {
  if (answerHelp(args, USAGE)) return;
  const [who, ...options] = args.filter((arg) => arg !== '--yes');
  if (who === undefined || options.length > 0 || !args.includes('--yes')) throw new StartProblem(USAGE);
  loadDotEnv();
  const { endpointsFile } = installationFiles(homeFolder());
  const url = process.env.DATABASE_URL || readJson<Endpoints>(endpointsFile)?.database_url;
  if (!url)
    throw new StartProblem('There is no database: start the system first (npm start), or set DATABASE_URL.');
  const connection = await new DataSource(dataSourceOptions(url, 1)).initialize();
  try {
    process.stdout.write(`${describe(await eraseUser(new Db(connection), who))}\n`);
  } finally {
    await connection.destroy();
  }
}

function describe({ userId, executions, sessions, jobs, uploads }: Erasure): string {
  const lines = [
    `Erased user ${userId}: the key of what is personal in the audit, ${sessions} sessions, ${executions} stored answers.`,
    `Left: ${jobs} jobs (job.delete removes them with their files) and ${uploads} uploads (they expire, once no job uses them).`,
    'Backups of the database and log files that are older than this still hold what they held.',
  ];
  return lines.join('\n');
}

main(process.argv.slice(2)).catch((error: NodeJS.ErrnoException) => {
  const known = error instanceof StartProblem || error.code !== undefined;
  process.stderr.write(`${known ? error.message : (error.stack ?? error.message)}\n`);
  process.exitCode = 1;
});
