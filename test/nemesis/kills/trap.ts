import { Client } from 'pg';
import { eventually } from '../../support/eventually';
import type { Arena } from '../arena/arena';
import type { Query } from '../arena/patiently';
import type { Supervised } from '../arena/supervised';
import { Barrier, type BarrierPlace } from './barrier';

/** Catches a process at one moment of its actions, without its help. */
export interface Trap {
  /** Before the actions are asked for. */
  set(): Promise<void>;
  /** Resolves when the actions with all of these keys stand at the moment. @param victim the process that runs them */
  caught(keys: readonly string[], victim: Supervised): Promise<void>;
  /** When the process is dead: what it had asked Postgres for goes on, or fails. */
  release(): Promise<void>;
  /** When the moment is not tried any more. */
  remove(): Promise<void>;
}

/** Where actions are claimed. */
export const CLAIMS: BarrierPlace = { table: 'executions', event: 'INSERT' };
/** Where the actions of the test take effect. */
export const EFFECTS: readonly BarrierPlace[] = [
  { table: 'jobs', event: 'UPDATE' },
  { table: 'settings_versions', event: 'INSERT' },
];
/** Where outcomes are written, but for what nobody runs any more. */
export const OUTCOMES: BarrierPlace = {
  table: 'audit_entries',
  event: 'INSERT',
  when: `NEW.phase = 'outcome' AND NEW.outcome <> 'unknown'`,
};

/** Resolves when so many of the executions of these keys, all if not given, are as the condition says. */
async function executions(
  query: Query,
  keys: readonly string[],
  condition: string,
  count = keys.length,
): Promise<void> {
  await eventually(
    async () => {
      const rows = await query(`SELECT FROM executions WHERE idempotency_key = ANY ($1) AND ${condition}`, [
        keys,
      ]);
      if (rows.length < count) throw new Error(`${rows.length} of ${count}: ${condition}`);
    },
    { timeoutMs: 15_000, intervalMs: 20 },
  );
}

/** Holds what writes to these places. @param orphans what becomes of statements whose process has died */
export async function atBarrier(
  arena: Arena,
  places: readonly BarrierPlace[],
  orphans: 'go on' | 'fail',
): Promise<Trap> {
  const barrier = await Barrier.build(arena.query, arena.ownerUrl, places);
  return {
    set: () => barrier.close(),
    caught: (keys) => barrier.crowd(keys.length),
    release: async () => {
      if (orphans === 'fail') await barrier.turnAway();
      await barrier.open();
    },
    remove: () => barrier.remove(),
  };
}

/** Holds handlers at their first statement: the tables that they work on are locked. */
export async function atFirstStatement(arena: Arena): Promise<Trap> {
  const holder = new Client({ connectionString: arena.ownerUrl });
  await holder.connect();
  return {
    set: async () => {
      await holder.query('BEGIN');
      await holder.query('LOCK TABLE jobs, steps, settings_versions IN ACCESS EXCLUSIVE MODE');
    },
    caught: (keys) => executions(arena.query, keys, `status = 'running'`),
    release: async () => {
      await holder.query('ROLLBACK');
    },
    remove: () => holder.end(),
  };
}

/** The one action of the test whose effect and record are not one transaction. */
const APART = `NEW.action = 'job.cancel'`;

/**
 * Holds what comes after the outcome. Who has recorded it with the effect tells the other processes then, which goes over
 * Redis. Whose record stands apart has told them meanwhile, and answers as soon as it hears that it is written: the
 * process stands still before that.
 */
export async function atAnswer(arena: Arena): Promise<Trap> {
  const build = (which: string) =>
    Barrier.build(arena.query, arena.ownerUrl, [{ ...OUTCOMES, when: `${OUTCOMES.when} AND ${which}` }]);
  const together = await build(`NOT ${APART}`);
  const apart = await build(APART);
  const client = (...args: string[]) =>
    arena.redisCommand(async (redis) => {
      await redis.call('CLIENT', ...args);
    });
  let held: Supervised | undefined;
  return {
    set: async () => {
      await together.close();
      await apart.close();
    },
    caught: async (keys, victim) => {
      await together.crowd(keys.length - 1);
      await apart.crowd(1);
      // Also what publishes and every script; a pause of all could not be ended early.
      await client('PAUSE', '10000', 'WRITE');
      await together.open();
      await executions(arena.query, keys, `status = 'succeeded'`, keys.length - 1);
      held = victim;
      victim.freeze();
      await apart.open();
      await executions(arena.query, keys, `status = 'succeeded'`);
    },
    release: async () => {
      held?.thaw();
      await client('UNPAUSE');
    },
    remove: async () => {
      await together.remove();
      await apart.remove();
    },
  };
}
