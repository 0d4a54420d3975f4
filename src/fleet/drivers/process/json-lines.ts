import type { Socket } from 'node:net';

/**
 * Calls `onValue` with each JSON value that arrives on a socket, one a line.
 *
 * A line that is no JSON, or longer than `maxLength` characters, ends the reading: `onBroken` is called once
 * with a sentence, and nothing further is read.
 */
export function readJsonLines(
  socket: Socket,
  maxLength: number,
  onValue: (value: unknown) => void,
  onBroken: (reason: string) => void,
): void {
  let rest = '';
  let broken = false;
  const refuse = (reason: string) => {
    broken = true;
    onBroken(reason);
  };
  socket.setEncoding('utf8');
  socket.on('data', (chunk: string) => {
    if (broken) return;
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > maxLength) return refuse(`a line is longer than ${maxLength} characters`);
    for (const line of lines) {
      if (!line.trim()) continue;
      let value: unknown;
      try {
        value = JSON.parse(line);
      } catch {
        return refuse('a line is not valid JSON');
      }
      onValue(value);
    }
  });
}
