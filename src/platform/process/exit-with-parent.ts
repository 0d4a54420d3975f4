/** How long a graceful stop may take after the parent is gone, in milliseconds. */
const GRACE_MS = 15_000;

/**
 * Ties this process to the one that started it: when that one dies, even by SIGKILL, this process stops as
 * if it had got SIGTERM, and exits after 15 s at the latest. Does nothing in a process that was not started
 * with an IPC channel.
 *
 * Call it first thing in an entry point. It does not keep the process alive by itself.
 */
export function exitWithParent(proc: NodeJS.Process = process): void {
  if (!proc.send) return;
  const stop = () => {
    // The parent read our output too: writing to it must not break the graceful stop.
    for (const stream of [proc.stdout, proc.stderr]) stream.on('error', () => undefined);
    setTimeout(() => proc.exit(1), GRACE_MS).unref();
    proc.kill(proc.pid, 'SIGTERM');
  };
  if (!proc.connected) return stop();
  proc.once('disconnect', stop);
  proc.channel?.unref();
}
