import type { INestApplicationContext } from '@nestjs/common';
import { EnvError, type Env, loadEnv } from '../settings/env';
import { startTracing, type Tracing } from '../telemetry/tracing';
import { exitWithParent } from './exit-with-parent';

/** How long an orderly stop may take before the process ends all the same, in milliseconds. */
const STOP_LIMIT_MS = 30_000;

/**
 * Runs one of the product's processes: reads the environment, starts, tells the parent that it is ready, and
 * on SIGTERM, SIGINT or the parent's death stops in order and exits with 0. A start that fails is one line on
 * stderr and exit code 1.
 *
 * @param role what the process is in its spans and log lines: `api`, `worker` or `manager`
 * @param start brings the application up and answers with it once it does its work
 */
export async function runProcess(
  role: string,
  start: (env: Env) => Promise<INestApplicationContext>,
): Promise<void> {
  let app: INestApplicationContext | undefined;
  let tracing: Tracing | undefined;
  let stopping = false;
  const stop = () => {
    if (stopping) return;
    stopping = true;
    setTimeout(() => process.exit(1), STOP_LIMIT_MS).unref();
    Promise.resolve(app?.close())
      .then(() => tracing?.stop())
      .then(
        () => process.exit(0),
        (error: Error) => {
          process.stderr.write(`The stop failed: ${error.stack ?? error.message}\n`);
          process.exit(1);
        },
      );
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  exitWithParent();
  process.on('unhandledRejection', (reason) => {
    if (!stopping) throw reason;
    // What a library still awaits of a connection that is closed by now is nobody's concern any more.
    process.stderr.write(`While stopping: ${reason instanceof Error ? reason.message : String(reason)}\n`);
  });
  try {
    const env = { ...loadEnv(), role };
    tracing = await startTracing(env, role);
    app = await start(env);
    process.send?.({ type: 'ready' });
  } catch (error) {
    const reason = error instanceof EnvError ? error.message : ((error as Error).stack ?? String(error));
    process.stderr.write(`The process could not start: ${reason}\n`);
    process.exit(1);
  }
}
