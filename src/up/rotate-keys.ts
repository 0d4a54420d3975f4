import { join, resolve } from 'node:path';
import { addKey, pruneKeys } from '../platform/security/key-rotation';
import { SETTLE_MS } from '../platform/security/signing-keys';
import { answerHelp } from './help';
import { homeFolder, loadDotEnv } from './settings';

const USAGE = `Usage: npm run keys:rotate [-- --prune]
Makes a new key that signs access tokens. --prune instead removes the keys that no token needs any more.`;

/** Adds a signing key, or with `--prune` removes those that no token needs any more. */
async function main(args: readonly string[]): Promise<void> {
  if (answerHelp(args, USAGE)) return;
  loadDotEnv();
  const dir = resolve(process.env.KEYS_DIR || join(homeFolder(), 'keys'));
  if (args.length === 0) return rotate(dir);
  if (args.length === 1 && args[0] === '--prune') return prune(dir);
  say(USAGE);
  process.exitCode = 64;
}

async function rotate(dir: string): Promise<void> {
  const { name, kid } = await addKey(dir);
  say(`Made ${join(dir, name)} (kid ${kid}).`);
  say(`Running processes read it within a second and sign with it ${SETTLE_MS / 1000} s from now.`);
  say('Tokens of older keys stay good until they expire; then remove those: npm run keys:rotate -- --prune');
}

async function prune(dir: string): Promise<void> {
  const { removed, waiting } = await pruneKeys(dir);
  for (const name of removed) say(`Removed ${name}.`);
  for (const { name, until } of waiting)
    say(`Kept ${name}: tokens of it may be in use until ${until.toISOString()}.`);
  if (removed.length + waiting.length === 0) say('There is one key only, and it is in use.');
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}

main(process.argv.slice(2)).catch((error: Error) => {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
