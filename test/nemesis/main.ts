import { rmSync } from 'node:fs';
import { RUN_FOLDER_VARIABLE, temporaryFolder } from '../support/servers';
import { atRandom } from './faults/nemesis';
import { writeHistory } from './history-files';
import { type NemesisOptions, readOptions } from './options';
import { report } from './report';
import { runNemesis } from './run';

/** How many violations are printed; all are written. */
const PRINTED = 20;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** `npm run nemesis`: exits with 1 if anything was doubled, lost or left off the record. */
async function main(options: NemesisOptions): Promise<number> {
  const folder = temporaryFolder('nemesis');
  process.env[RUN_FOLDER_VARIABLE] = folder;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const started = Date.now();
  const say = (text: string): void => print(`[${((Date.now() - started) / 1_000).toFixed(0)} s] ${text}`);
  print(`seed ${options.seed}`);
  try {
    const result = await runNemesis(
      { ...options, stormMs: options.minutes * 60_000, faults: atRandom, say },
      stop.signal,
    );
    print(`\n${report(result)}`);
    for (const { rule, key, detail } of result.violations.slice(0, PRINTED))
      print(`VIOLATION ${rule}${key === null ? '' : ` (${key})`}: ${detail}`);
    if (result.violations.length === 0) return 0;
    print(`The history is in ${writeHistory(result, options.seed)}`);
    return 1;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

main(readOptions(process.argv.slice(2))).then(
  (code) => process.exit(code),
  (error: Error) => {
    process.stderr.write(`${error.stack ?? error.message}\n`);
    process.exit(1);
  },
);
