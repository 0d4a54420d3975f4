import { LOG_LEVELS } from '../../platform/telemetry/logs/log-levels';
import type { LogFilter } from '../protocol';

/** What a filter looks at. */
interface Line {
  level?: unknown;
  source?: unknown;
  event?: unknown;
  message?: unknown;
}

/** What tells whether a line of the log passes a filter; what is not given is not asked about. */
export function matcherOf({ level, source, q }: LogFilter): (data: unknown) => boolean {
  const least = level === undefined ? 0 : LOG_LEVELS.indexOf(level);
  const text = q?.toLowerCase();
  return (data) => {
    const line = data as Line;
    if (least > 0 && LOG_LEVELS.indexOf(line.level as never) < least) return false;
    if (source !== undefined && line.source !== source) return false;
    if (text === undefined) return true;
    return `${String(line.event)}\n${String(line.message)}`.toLowerCase().includes(text);
  };
}
