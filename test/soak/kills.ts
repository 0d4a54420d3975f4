import { setTimeout as delay } from 'node:timers/promises';
import type { Arena } from '../nemesis/arena/arena';
import type { Supervised } from '../nemesis/arena/supervised';
import type { Random } from '../nemesis/random';
import { eventually } from '../support/eventually';

/** Every so many ends of a process, one is orderly; the others are kill -9. */
const ORDERLY_EVERY = 4;
/** How long a moment is waited for at which a worker is in the middle of a step, in milliseconds. */
const BUSY_WITHIN_MS = 5_000;

/** Each sort of process in turn, in another order each time; first a worker, whose step then has the time to be run again. */
function* inTurn(
  { apis, managers, workers }: Arena,
  random: Random,
): Generator<readonly Supervised[], never> {
  yield workers;
  for (let left = [apis, managers]; ; left = [apis, managers, workers])
    while (left.length > 0) yield* left.splice(random.between(0, left.length - 1), 1);
}

/** Ends a process every `killEveryMs` until `until`, if all run. @returns their names */
export async function killNowAndThen(
  { killEveryMs, say }: { killEveryMs: number; say(text: string): void },
  arena: Arena,
  random: Random,
  until: AbortSignal,
): Promise<string[]> {
  const kills: string[] = [];
  const sorts = inTurn(arena, random);
  for (;;) {
    await delay(killEveryMs, undefined, { signal: until }).catch(() => undefined);
    if (until.aborted) return kills;
    if (arena.places.some((place) => !place.up)) continue;
    const sort = sorts.next().value;
    if (sort === arena.workers) await someStepRuns(arena);
    const victim = random.pick(sort);
    const orderly = kills.length % ORDERLY_EVERY === ORDERLY_EVERY - 1;
    say(`${orderly ? 'restart' : 'kill -9'} of ${victim.name}`);
    if (orderly) await victim.restart();
    else await victim.kill();
    kills.push(victim.name);
  }
}

/** What runs of the jobs that have a video: others fail at once. */
const RUNNING = `
SELECT FROM steps s JOIN jobs j ON j.id = s.job_id
 WHERE s.status = 'processing' AND j.upload_id IS NOT NULL LIMIT 1`;

/** Resolves when a worker runs such a step, or none has for a while. */
async function someStepRuns({ query }: Arena): Promise<void> {
  const runs = eventually(
    async () => {
      if ((await query(RUNNING)).length === 0) throw new Error('no step runs');
    },
    { timeoutMs: BUSY_WITHIN_MS, intervalMs: 5 },
  );
  await runs.catch(() => undefined); // then an idle one is killed
}
