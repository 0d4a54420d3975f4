import { spawn, spawnSync } from 'node:child_process';
import { watch } from 'node:fs';
import { join } from 'node:path';
import { ProcessDriver } from '../fleet/drivers/process/process-driver';
import { socketPath } from './control/control-server';
import { installationFiles, homeFolder, loadDotEnv, PROJECT } from './settings';

/** Editors write a file in several steps; what comes this close together is one change, in milliseconds. */
const QUIET_MS = 300;
const RESTARTED = ['worker', 'manager', 'api'];

/**
 * `npm run dev`: everything that `npm start` does, and after each change below src a quick build (without type
 * check) and a restart of the api, the workers and the managers. A change of the launcher itself needs a restart.
 */
function dev(): void {
  loadDotEnv();
  const launcher = spawn(process.execPath, [join(__dirname, 'main.js')], { stdio: 'inherit', cwd: PROJECT });
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => launcher.kill(signal));
  launcher.on('exit', (code) => process.exit(code ?? 1));

  let timer: NodeJS.Timeout | undefined;
  let working: Promise<void> = Promise.resolve();
  watch(join(PROJECT, 'src'), { recursive: true }, (_event, name) => {
    if (!name || /\.spec\.ts$|^metadata\.ts$/.test(name)) return;
    clearTimeout(timer);
    timer = setTimeout(() => {
      working = working.then(reload);
    }, QUIET_MS);
  });
}

async function reload(): Promise<void> {
  const build = spawnSync(process.execPath, [join(PROJECT, 'src/up/ensure-build.mjs')], { stdio: 'inherit' });
  if (build.status !== 0) return;
  const driver = new ProcessDriver(socketPath(installationFiles(homeFolder()).folders.run));
  try {
    const services = await driver.list();
    for (const service of services.filter(({ role }) => RESTARTED.includes(role))) {
      process.stdout.write(`restarting ${service.name}\n`);
      await driver.restart(service.name);
    }
  } catch (error) {
    process.stderr.write(`${(error as Error).message}\n`);
  }
}

dev();
