import { Launcher } from './launcher';
import { explain, StartCancelled } from './problem';
import { homeFolder, launcherSettings, loadDotEnv } from './settings';
import { Terminal } from './terminal';

/** npm and the terminal both pass a Ctrl-C on: what comes this soon after the first is the same one. */
const SAME_SIGNAL_MS = 1_000;

/** `npm start`: starts the whole system and stays until Ctrl-C or SIGTERM; exit code 0 after an orderly stop. */
async function main(): Promise<number> {
  const terminal = new Terminal();
  const begin = Date.now();
  let launcher: Launcher;
  try {
    loadDotEnv();
    launcher = new Launcher(launcherSettings(), terminal);
  } catch (error) {
    process.stderr.write(`${explain(error, homeFolder())}\n`);
    return 1;
  }
  const signalled = untilSignal(() => {
    terminal.say('stopping at once');
    void launcher.kill();
  });
  const starting = launcher.start();
  const outcome = await Promise.race([
    starting.then(
      () => undefined,
      (error: unknown) => ({ error }),
    ),
    signalled,
  ]);
  if (typeof outcome === 'object') {
    await launcher.stop();
    if (outcome.error instanceof StartCancelled) return 0;
    process.stderr.write(`${explain(outcome.error, homeFolder())}\n`);
    return 1;
  }
  if (outcome === undefined) {
    const { rows } = await starting;
    terminal.table(`AgentOS is ready after ${((Date.now() - begin) / 1000).toFixed(1)} s`, rows);
    await signalled;
  }
  await launcher.stop();
  await starting.catch(() => undefined);
  terminal.say('stopped');
  return 0;
}

/** Resolves at the first SIGINT or SIGTERM (with its name); `again` is called at a later one. */
function untilSignal(again: () => void): Promise<string> {
  return new Promise((resolve) => {
    let first = 0;
    const onSignal = (name: string) => {
      if (first === 0) {
        first = Date.now();
        resolve(name);
      } else if (Date.now() - first > SAME_SIGNAL_MS) again();
    };
    for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(name, onSignal);
  });
}

void main().then((code) => process.exit(code));
