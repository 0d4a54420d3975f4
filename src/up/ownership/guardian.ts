import { spawn, type ChildProcess } from 'node:child_process';
import type { OwnedProcess } from './owned-processes';

/*
 * Reads "NAME PID START SIGNAL" lines, and acts when its input ends without a "done": then the launcher is
 * dead. The Node processes notice that themselves and are given their time; what is left is stopped, last
 * started first, and killed if that does not help. START are the ticks of /proc/PID/stat, so that no other
 * process is hit; where there is no /proc, the time that `ps` gives.
 */
const SCRIPT = `
start_of() {
  if [ -r "/proc/$1/stat" ]; then sed 's/.*) //' "/proc/$1/stat" 2>/dev/null | cut -d' ' -f20
  elif [ ! -d /proc/1 ]; then LC_ALL=C ps -o lstart= -p "$1" 2>/dev/null | tr -s ' ' '_'; fi
}
alive() { [ -n "$2" ] && [ "$(start_of "$1")" = "$2" ]; }
owned=''
while read -r name pid start signal; do
  [ "$name" = done ] && exit 0
  owned="$name $pid $start $signal
$owned"
done
end() {
  printf '%s' "$owned" | while read -r name pid start signal; do
    case "$1:$name" in node:postgres|node:redis|store:api*|store:worker*|store:manager*) continue;; esac
    tries=0 most=80
    # It writes all that it has in memory to the disk first.
    [ "$name" = postgres ] && most=300
    while alive "$pid" "$start"; do
      [ "$1" = store ] && [ $tries -eq 0 ] && kill -s "$signal" "$pid" 2>/dev/null
      [ $tries -ge $most ] && kill -s KILL -- "-$pid" 2>/dev/null
      [ $tries -ge $((most + 10)) ] && break
      tries=$((tries + 1)); sleep 0.2
    done
  done
}
end node
end store
`;

/**
 * A small shell process that outlives the launcher: when the launcher dies without stopping what it started
 * (SIGKILL, out of memory), the guardian stops it. In its own session, so Ctrl-C does not reach it.
 */
export class Guardian {
  private readonly shell: ChildProcess;

  constructor() {
    this.shell = spawn('/bin/sh', ['-c', SCRIPT], {
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
      cwd: '/',
    });
    this.shell.unref();
    // A guardian that is gone is no reason to stop: the next start cleans up as well.
    this.shell.on('error', () => undefined);
    this.shell.stdin?.on('error', () => undefined);
  }

  /** Its process id. */
  get pid(): number | undefined {
    return this.shell.pid;
  }

  /** Makes it watch one more process. One that has ended meanwhile needs no taking off the list. */
  watch(owned: OwnedProcess): void {
    const start = process.platform === 'linux' ? owned.start.split(':')[1] : owned.start.replace(/\s+/g, '_');
    this.shell.stdin?.write(
      `${owned.name} ${owned.pid} ${start ?? ''} ${owned.stopSignal.replace(/^SIG/, '')}\n`,
    );
  }

  /** Ends it: everything was stopped in order. */
  dismiss(): void {
    this.shell.stdin?.end('done\n');
  }
}
