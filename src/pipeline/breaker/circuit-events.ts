import { Inject, Injectable, Logger, type OnApplicationShutdown } from '@nestjs/common';
import { v7 as uuidv7 } from 'uuid';
import { LiveFeed } from '../../platform/feed/live-feed';
import { MessageBus } from '../../platform/messages/message-bus';
import { Db } from '../../platform/postgres/db';
import { DEPENDENCIES, type Dependency } from '../catalogue/action.decorator';
import { circuitTransitions } from '../metrics';
import type { CircuitChange } from './circuit';
import type { SharedCircuit } from './circuit-store';
import { reasonOf } from '../../platform/errors/unavailable';

/** How long a system event waits before it is tried again, in milliseconds: Postgres may be what opened. */
const RETRY_MS = 1_000;
/** System events that wait for Postgres at most; the oldest go first. */
const MAX_WAITING = 100;

interface Told {
  level: 'info' | 'warn' | 'error';
  severity: 'info' | 'warning' | 'critical';
  message: (dependency: Dependency) => string;
}

/** What is said of a change. That a probe is under way is counted, and nobody is told. */
const TOLD: Record<Exclude<CircuitChange, 'probing'>, Told> = {
  opened: {
    level: 'error',
    severity: 'critical',
    message: (name) => `${name} has failed too often: calls are held back until a probe succeeds.`,
  },
  closed: { level: 'info', severity: 'info', message: (name) => `${name} works again.` },
  forced_open: {
    level: 'warn',
    severity: 'warning',
    message: (name) => `An operator holds back all calls of ${name}.`,
  },
  forced_closed: {
    level: 'warn',
    severity: 'warning',
    message: (name) => `An operator lets through all calls of ${name}, whatever becomes of them.`,
  },
  released: {
    level: 'info',
    severity: 'info',
    message: (name) => `The circuit of ${name} goes by what calls come to again.`,
  },
};

interface Row {
  id: string;
  at: Date;
  level: Told['level'];
  event: string;
  message: string;
  data: string;
}

/**
 * Tells of changes of the shared circuits: metric, system event, alert, and a message to the other processes.
 * Each change is told by the one process whose call made it.
 */
@Injectable()
export class CircuitEvents implements OnApplicationShutdown {
  private readonly log = new Logger(CircuitEvents.name);
  private waiting: Row[] = [];
  private timer?: NodeJS.Timeout;
  private writing = false;

  constructor(
    @Inject(Db) private readonly db: Db,
    @Inject(LiveFeed) private readonly feed: LiveFeed,
    @Inject(MessageBus) private readonly bus: MessageBus,
  ) {
    // All series from the start: a counter that appears with its first event shows no rise.
    for (const dependency of DEPENDENCIES)
      for (const to of ['probing', ...Object.keys(TOLD)]) circuitTransitions.inc({ dependency, to }, 0);
  }

  onApplicationShutdown(): void {
    clearTimeout(this.timer);
  }

  /** Tells of a change; what cannot be told at once is made up for. */
  changed({ dependency, epoch, trips, restMs }: SharedCircuit, change: CircuitChange): void {
    circuitTransitions.inc({ dependency, to: change });
    void this.bus.publish('circuit.changed', { dependency });
    if (change === 'probing') return;
    const { level, severity, message } = TOLD[change];
    const text = message(dependency);
    const at = new Date();
    const facts = { dependency, epoch, trips, retry_in_ms: restMs };
    this.log[level === 'info' ? 'log' : level](text);
    const alert = { kind: `circuit_${change}`, severity, message: text, ...facts, at: at.toISOString() };
    void this.feed.publish('alerts', alert);
    void this.bus.publish('ssot.invalidate', { reason: `circuit of ${dependency}` });
    const event = `circuit.${change}`;
    this.waiting.push({ id: uuidv7(), at, level, event, message: text, data: JSON.stringify(facts) });
    this.waiting = this.waiting.slice(-MAX_WAITING);
    void this.write();
  }

  private async write(): Promise<void> {
    if (this.writing) return;
    this.writing = true;
    clearTimeout(this.timer);
    try {
      for (let [row] = this.waiting; row; [row] = this.waiting) {
        await this.insert(row);
        this.waiting = this.waiting.filter((other) => other !== row);
      }
    } catch (error) {
      this.log.warn(`${this.waiting.length} system events wait for Postgres: ${reasonOf(error)}`);
      this.timer = setTimeout(() => void this.write(), RETRY_MS).unref();
    } finally {
      this.writing = false;
    }
  }

  private async insert({ id, at, level, event, message, data }: Row): Promise<void> {
    await this.db.execute(
      `INSERT INTO system_events (id, at, level, source, event, message, data)
       VALUES ($1, $2, $3, 'breaker', $4, $5, $6) ON CONFLICT (id, at) DO NOTHING`,
      [id, at, level, event, message, data],
    );
  }
}
