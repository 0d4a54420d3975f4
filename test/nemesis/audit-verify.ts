import { spawn } from 'node:child_process';
import type { Variables } from '../support/env';
import { PROJECT } from '../support/process';

/** How long the verifier may take, in milliseconds. */
const LIMIT_MS = 60_000;

/** Runs `npm run audit:verify` on an installation. @returns what it found; undefined if all is well */
export async function auditProblem(variables: Variables): Promise<string | undefined> {
  const child = spawn('npm', ['run', '--silent', 'audit:verify'], {
    cwd: PROJECT,
    env: { PATH: process.env['PATH'] ?? '', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: LIMIT_MS,
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (chunk: Buffer) => (output = (output + chunk.toString()).slice(-2_000)));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  return code === 0 ? undefined : `ended with ${code}: ${output}`;
}
