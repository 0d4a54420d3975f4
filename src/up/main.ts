import { readJson } from './files';
import { Launcher, type Started } from './launcher';
import { explain, StartCancelled } from './problem';
import { isEmpty, runSample } from './sample';
import {
  homeFolder,
  launcherSettings,
  loadDotEnv,
  type Credentials,
  type LauncherSettings,
} from './settings';
import { Terminal } from './terminal';

/** npm and the terminal both pass a Ctrl-C on: what comes this soon after the first is the same one. */
const SAME_SIGNAL_MS = 1_000;

/** `npm start`: starts the whole system and stays until Ctrl-C or SIGTERM; exit code 0 after an orderly stop. */
async function main(): Promise<number> {
  const terminal = new Terminal();
  const begin = Date.now();
  let launcher: Launcher;
  let settings: LauncherSettings;
  try {
    loadDotEnv();
    settings = launcherSettings();
    launcher = new Launcher(settings, terminal);
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
    const started = await starting;
    const { rows } = started;
    terminal.table(`AgentOS is ready after ${((Date.now() - begin) / 1000).toFixed(1)} s`, rows);
    const sample = new AbortController();
    void showSample(settings, started, terminal, sample.signal);
    await signalled;
    sample.abort();
  }
  await launcher.stop();
  await starting.catch(() => undefined);
  terminal.say('stopped');
  return 0;
}

/** Runs a sample video through an installation that has nothing to show yet. It matters to nothing else. */
async function showSample(
  settings: LauncherSettings,
  { endpoints, admin }: Started,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  try {
    const credentials = admin ?? readJson<Credentials>(settings.credentialsFile);
    if (!settings.sample || !credentials || !(await isEmpty(endpoints.database_url))) return;
    terminal.say(
      'running a sample video through, so that there is something to see (AGENTOS_SAMPLE=off: never)',
    );
    terminal.say(await runSample(settings, endpoints, credentials, signal));
  } catch (error) {
    if (!signal.aborted) terminal.say(`the sample video did not get through: ${(error as Error).message}`);
  }
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
