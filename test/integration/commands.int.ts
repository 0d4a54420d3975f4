import { spawnSync } from 'node:child_process';
import { PROJECT } from '../support/process';

/** Runs a command of package.json by its built file, where there is no installation. */
function run(file: string, ...args: string[]) {
  const env = { PATH: process.env['PATH'], AGENTOS_HOME: '/nowhere' };
  return spawnSync(process.execPath, [`dist/up/${file}.js`, ...args], {
    cwd: PROJECT,
    env,
    encoding: 'utf8',
  });
}

describe.each([
  ['demo', 'demo'],
  ['seed', 'seed'],
  ['audit:verify', 'audit-verify'],
  ['user:erase', 'erase-user'],
  ['keys:rotate', 'rotate-keys'],
])('npm run %s', (name, file) => {
  it('says with --help how it is used, and does nothing', () => {
    const { status, stdout, stderr } = run(file, '--help');
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage:/);
    expect(stdout).toContain(`npm run ${name}`);
  });

  it('says so, too, when it does not know an option, and fails', () => {
    const { status, stdout, stderr } = run(file, '--no-such-option');
    expect(status).toBeGreaterThan(0);
    expect(stdout + stderr).toContain(`npm run ${name}`);
  });
});
