import pino, { type DestinationStream } from 'pino';
import type { LineScrubber } from './line-scrubber';
import type { LogShipper } from './log-shipper';

/** By this symbol a stream asks pino for the level of the line that it is about to be given. */
const WITH_METADATA = Symbol.for('pino.metadata');

/** Writes lines to stdout, at once, and hands them to the shipper, both without what is nobody's business. */
export function logDestination(shipper: LogShipper, scrubber: LineScrubber): DestinationStream {
  const stdout = pino.destination({ dest: 1, sync: true });
  const destination = {
    [WITH_METADATA]: true,
    lastLevel: 0,
    write(given: string): void {
      const line = scrubber.scrub(given);
      stdout.write(line);
      shipper.push(destination.lastLevel, line.trimEnd());
    },
  };
  return destination;
}
