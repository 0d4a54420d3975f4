import { rmSync } from 'node:fs';
import { RUN_FOLDER_VARIABLE, temporaryFolder } from '../support/servers';
import { readOptions, type SoakOptions } from './options';
import { report } from './report';
import { runSoak } from './run';

/** How many violations are printed. */
const PRINTED = 20;

const print = (text: string): void => void process.stdout.write(`${text}\n`);

/** `npm run soak`: exits with 1 if a subscriber missed something, got it twice, or has another state, or a job did. */
async function main({ minutes, subscribers, killEveryS, seed }: SoakOptions): Promise<number> {
  const folder = temporaryFolder('soak');
  process.env[RUN_FOLDER_VARIABLE] = folder;
  const stop = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort());
  const started = Date.now();
  const say = (text: string): void => print(`[${((Date.now() - started) / 1_000).toFixed(0)} s] ${text}`);
  print(`seed ${seed}`);
  const jobs = { jobsAtOnce: 3, jobActEveryMs: 4_000 };
  const plan = { subscribers, seed, clients: 3, workers: 2, managers: 2, say, ...jobs };
  const times = { durationMs: minutes * 60_000, killEveryMs: killEveryS * 1_000 };
  try {
    const result = await runSoak({ ...plan, ...times }, stop.signal);
    print(`\n${report(result)}`);
    for (const violation of result.violations.slice(0, PRINTED)) print(`VIOLATION ${violation}`);
    if (result.violations.length > 0) print(result.logs);
    return result.violations.length === 0 ? 0 : 1;
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
