/** What the launcher says to the person who started it. Times are local; nothing but plain lines. */
export class Terminal {
  constructor(private readonly out: NodeJS.WritableStream = process.stdout) {
    // A terminal that was closed is no reason to stop.
    out.on('error', () => undefined);
  }

  /** One line with the time in front. */
  say(text: string): void {
    this.out.write(`${new Date().toTimeString().slice(0, 8)} ${text}\n`);
  }

  /** A table of names and values, with empty lines around it. An empty name continues the row above. */
  table(title: string, rows: readonly (readonly [name: string, value: string])[]): void {
    const width = Math.max(...rows.map(([name]) => name.length));
    const lines = rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`);
    this.out.write(`\n${[title, ...lines].join('\n')}\n\n`);
  }
}

/** The levels of pino's lines that are worth a line at the terminal. */
const WARN = 40;

/**
 * What of a process' log line is shown at the terminal: warnings and errors of JSON logs, in short.
 *
 * @returns undefined for a line that only belongs in the log file
 */
export function excerpt(line: string): string | undefined {
  if (!line.startsWith('{')) return undefined;
  try {
    const { level, msg, err } = JSON.parse(line) as {
      level?: unknown;
      msg?: unknown;
      err?: { message?: unknown };
    };
    if (typeof level !== 'number' || level < WARN) return undefined;
    const text = [msg, err?.message].filter((part) => typeof part === 'string' && part !== '');
    return `${level > WARN ? 'ERROR' : 'warning'}: ${[...new Set(text)].join(': ')}`.slice(0, 300);
  } catch {
    return undefined;
  }
}
